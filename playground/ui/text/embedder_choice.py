"""The choice of the embedder: the models on offer, the progress of a change, and a suggestion."""

from typing import Any

import gradio as gr

from playground.models.registry import downloaded_megabytes
from playground.services.app import Services
from playground.services.embedders import EmbedderChange, Offer
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.translation import translate
from retrieval.search import ENGLISH


class EmbedderChoice:
    """Hidden while only one embedder is on offer."""

    def __init__(self, services: Services) -> None:
        """Draw the choice, hidden; the index panel wires it."""
        self.services = services
        self.suggestion = gr.Button(visible=False, size="sm")
        self.chosen = gr.Dropdown([], label=mark("text.embedder"), visible=False)
        self.progress = gr.Textbox(
            show_label=False,
            container=False,
            interactive=False,
            visible=False,
            lines=1,
            max_lines=4,
            elem_classes="live",
        )

    @property
    def outputs(self) -> list[Any]:
        """What `drawn` gives updates for."""
        return [self.suggestion, self.chosen, self.progress]

    def choice_updates(self, language: str, visitor: str) -> tuple[Any, ...]:
        """Updates for `outputs`."""
        offers, change = self.services.embedders.offers(), self.services.embedders.change(visitor)
        suggested_offer = self.suggested_offer(visitor)
        coming = change.name if change and change.under_way else ""
        words = _suggestion(language, suggested_offer) if suggested_offer and not coming else ""
        choices = [(_offer_label(language, offer), offer.name) for offer in offers]
        now = coming or self.services.embedders.name(visitor)
        return (
            gr.update(value=words, visible=bool(words)),
            gr.update(choices=choices, value=now, visible=len(offers) > 1),
            self._progress(language, visitor, change),
        )

    def progress_updates(self, language: str, visitor: str) -> tuple[Any, ...]:
        """Updates for `outputs` that change only the progress, since the list may be open."""
        return gr.skip(), gr.skip(), self._progress(language, visitor, self.services.embedders.change(visitor))

    def suggested_offer(self, visitor: str) -> Offer | None:
        """A multilingual embedder, if one is on offer and the current one does not know the text's language."""
        index = self.services.indexes.ready(visitor)
        if index is None or index.language in ENGLISH or self.services.embedders.of(visitor).multilingual:
            return None
        many = [offer for offer in self.services.embedders.offers() if offer.known and offer.known.languages > 1]
        return many[0] if many else None

    def _progress(self, language: str, visitor: str, change: EmbedderChange | None) -> dict[str, Any]:
        """The download, the loading, or the error of a change; hidden while the index shows its own progress."""
        if change is None or (self.services.indexes.building(visitor) and not change.error):
            return gr.update(value="", visible=False)
        known = next((offer for offer in self.services.embedders.offers() if offer.name == change.name), None)
        if change.error:
            words = translate(language, change.error)
        elif known and known.known and not known.here:
            done, total = downloaded_megabytes(change.name), known.known.megabytes
            words = say(
                language, "text.embedder_fetching", name=_short(change.name), done=min(done, total), total=total
            )
        else:
            words = say(language, "text.embedder_loading", name=_short(change.name))
        return gr.update(value=words, visible=True)


def _suggestion(language: str, offer: Offer) -> str:
    if offer.known is None:
        return ""
    return say(language, "text.embedder_suggested", name=_short(offer.name), languages=offer.known.languages)


def _offer_label(language: str, offer: Offer) -> str:
    """Name, languages, size and licence of an offer, as far as known, and whether it must be downloaded."""
    parts = [_short(offer.name)]
    if offer.known:
        many = say(language, "text.embedder_languages", languages=offer.known.languages)
        parts.append(many if offer.known.languages > 1 else say(language, "text.embedder_english"))
        parts.append(say(language, "count.bytes_mb", count=offer.known.megabytes))
        parts.append(offer.known.licence)
    if not offer.here:
        parts.append(say(language, "text.embedder_away"))
    return " · ".join(parts)


def _short(name: str) -> str:
    """A model's name without its owner."""
    return name.rpartition("/")[2]
