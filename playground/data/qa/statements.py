"""Questions about one statement whose answer is the whole sentence: who or what, what of it, how, why, when, how many.

A statement is cut at its first finite verb by a closed list of verbs, without a parser. Each side can be asked for
without knowing the other: "Who may grant pardons?" and "What may the President do?" have the same sentence as answer.
Knows English and Vietnamese words; knows no sections and no model.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Small = Callable[[str], str]  # a phrase as the text writes it inside a sentence

MAX_SUBJECT = 9  # words
MAX_PREDICATE = 14  # words of a predicate in a question; a longer one is cut at a clause
MIN_REST = 2  # words behind the verb: fewer say too little

BE = ("is", "are", "was", "were")
MODALS = ("can", "could", "may", "might", "must", "shall", "should", "will", "would")
_DO = {"has": "does", "have": "do", "had": "did"}
HAVE = tuple(_DO)
_VERBS = frozenset(
    """accepts accepted adds added allows allowed announces announced appears appeared argued argues assigns assigned
    attended attends became becomes began begins believed believes belongs belonged borders brings brought built
    builds called calls came causes caused changed changes claimed claims closed closes comes comprises comprised
    consists consisted contains contained covers covered created creates decided decides decreased decreases defeated
    defeats defined defines depends depended described describes determined determines developed develops died dies
    discovered discovers earned earns enabled enables ended ends ensured ensures established establishes evaluates
    evaluated executes executed exists existed fell falls finds follows followed formed forms found founded gave gets
    gives goes got grew grows handled handles happens happened helped helps holds held included includes increased
    increases installed installs introduced introduces invented invents joined joins keeps kept knew knows lasted
    lasts led leads lies lived lives located lost loses made makes maintained maintains married means meant moved
    moves needed needs occurred occurs offered offers opened opens ordered performed performs played plays prevented
    prevents produced produces proposed proposes provided provides published publishes raised raises ran reached
    reaches reads received receives referred refers released releases remained remains removed removes replaced
    replaces reported represented represents required requires returned returns ruled runs said saw says scored sees
    sends sent served serves shows showed signed specified specifies spends spent stands stood stored stores studied
    supported supports taught teaches takes took used uses wins won worked works writes wrote""".split()
)
_PERSONS = frozenset(
    """administrator administrators ambassador ambassadors author authors captain child children citizen citizens coach
    developer developers elector electors emperor engineer founder general governor inventor judge judges king leader
    leaders maintainer maintainers man member members men minister ministers officer officers people person persons
    player players poet president programmer programmers queen representative representatives scientist senator
    senators speaker student students teacher user users vice-president woman women writer""".split()
)
_POINTING = frozenset(
    """about according after all although also and another as at because before both but by currently during each
    earlier either even every everyone everything few finally first following for from he hence her here his how
    however i if in into it its later let many maybe more most much my neither next no nobody none not note nothing
    now of on once one only or other others otherwise our over perhaps second see she since so some someone soon
    something still such surely that their then there thereupon therefore these they third this those though thus to
    today under unless until we what when where whereas whether which while who why with without yet you
    your actually alternatively apparently arguably basically certainly clearly eventually evidently fortunately
    generally historically hopefully ideally importantly initially interestingly normally obviously occasionally
    originally possibly presumably probably recently sometimes specifically subsequently technically traditionally
    typically unfortunately usually""".split()
)
_NOT_INSIDE = frozenset(
    """am because been be cannot did do does following he i if it not said she that there these they this those we
    when where whether which while who whom you""".split()
).union(BE, MODALS, HAVE)
_NOT_LAST = frozenset(
    "a also an and as at by for from in of on only or than the to with never always usually often".split()
)
_NUMBERS = (
    "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred".split()
)
_NUMBER = rf"(?:\d[\d,.]*|{'|'.join(_NUMBERS)})"
_NOUN = r"(?P<noun>[a-z]+(?: (?!(?:with|in|of|on|at|for|and|to|from|by)\b)[a-z]+)?)"
_PREPOSITION = "(?P<by>by|in|into|to|with|for|of|on|from|as|at)"
_PARTICIPLE = r"(?P<part>(?:\w+ly )?(?:\w+ed|\w+wn|\w+en|built|made|held|kept|sent|found|led|won|set|put|born|known))"

_CONNECTIVE = re.compile(
    r"(?:However|Moreover|Furthermore|Therefore|Thus|Also|Then|Finally|Likewise|Similarly|Nevertheless|Consequently|Hence|Indeed"
    r"|Otherwise|Additionally|In addition|For example|For instance|In particular|In fact|Of course|As a result"
    r"|On the other hand|At the same time|By default|Tuy nhiên|Ngoài ra|Hơn nữa|Do đó|Vì vậy|Vì thế|Ví dụ|Đồng thời"
    r"|Bên cạnh đó|Trên thực tế),? "
)
_TO = re.compile(
    r"(?:In order )?[Tt]o (?P<do>[a-z][^,;:]{3,80}), (?:you|one|users?|we|use|run|type|set|call|add|install|see"
    r"|do|make|edit|just|simply|first|please)\b.+"
)
_WANT = re.compile(r"If you (?:want|wish|need|would like|have) to (?P<do>[a-z][^,;:]{3,80}), .+")
_USED = re.compile(r"(?P<subject>.+?) (?P<be>is|are|was|were) used (?:to|for) .+")
_BECAUSE = re.compile(r"(?P<clause>[^,;:]+?),? because [^;:]{8,}")
_WHEN = re.compile(
    r"(?P<mid>.+?),? (?:in|since|on|from|until|by) (?:[A-Z][a-z]+ )?(?:\d{1,2},? )?(?:1\d|20)\d\d"
    r"(?:,? (?:and|but|when|after|by)\b.*)?"
)
_THERE = re.compile(
    rf"There (?P<be>are|were) (?:about |around |over |at least )?{_NUMBER} {_NOUN} "
    r"(?P<rest>(?:in|on|at|of|for)\b.+)"
)
_HOLDS = re.compile(rf"(?:about |around |over |at least )?{_NUMBER} {_NOUN}(?: .*)?")
_DANGLING = re.compile(r"\b(?:these|those|this|them|they)\b")  # says nothing outside its paragraph
_BREAKS = (";", ":", ",", " which ", " that ", " because ", " unless ", " until ", " if ", " when ", " and ", " but ")


@dataclass(frozen=True)
class Statement:
    """A sentence as subject, finite verb and what follows."""

    subject: str
    verb: str
    rest: str


def connective_end(sentence: str) -> int:
    """How many characters of a leading connective, such as "However, ", an answer can do without."""
    match = _CONNECTIVE.match(sentence)
    return match.end() if match else 0


def english_questions(sentence: str, small: Small) -> Iterator[str]:
    """Questions that the sentence answers as a whole, in several forms; none where its subject cannot stand alone.

    `small` gives a phrase as the text writes it inside a sentence.
    """
    said = sentence[connective_end(sentence) :].rstrip(".!?")
    said = said[:1].upper() + said[1:]
    for pattern in (_TO, _WANT):
        if match := pattern.fullmatch(said):
            if not re.search(r"\b(?:it|this|that|these|those|them|your|you|so)\b", match["do"]):
                yield f"How do I {match['do']}?"
                yield f"How can one {match['do']}?"
            return
    if match := _THERE.fullmatch(said):
        yield f"How many {match['noun']} {match['be']} there {_shortened(match['rest'])}?"
    if match := _BECAUSE.fullmatch(said):
        yield from _why(match["clause"], small)
    statement = parse(said)
    if statement and len(statement.rest.split()) >= MIN_REST:
        yield from _about_subject(statement)
        yield from _about_predicate(statement, small)


def vietnamese_questions(sentence: str, small: Small) -> Iterator[str]:
    """As `english_questions`; Vietnamese keeps its order, so a question word takes the place of what is asked for."""
    said = sentence[connective_end(sentence) :].rstrip(".!?")
    if match := re.fullmatch(r"(?:[Đđ]ể|[Mm]uốn) (?P<do>[^,;:]{6,80}), .+", said):
        yield f"Làm thế nào để {match['do']}?"
        return
    match = re.match(
        r"(?P<subject>[^,;:“”\"]{3,60}?) (?P<verb>được|bị|có thể|phải|sẽ|đã|có|bao gồm|gồm|là|thuộc|nằm) (?P<rest>.+)",
        said,
    )
    if not match or not 1 <= len(match["subject"].split()) <= MAX_SUBJECT or _vietnamese_pointing(match["subject"]):
        return
    subject, verb, rest = small(match["subject"]), match["verb"], match["rest"]
    if len(rest.split()) < MIN_REST + 1:
        return
    asked = _shortened(rest)
    if _ends_naturally(rest, asked):
        yield f"Điều gì hoặc ai {verb} {asked}?"
    if verb in ("có", "bao gồm", "gồm"):
        yield f"{subject[:1].upper()}{subject[1:]} {verb} những gì?"
    elif verb in ("nằm", "thuộc"):
        yield f"{subject[:1].upper()}{subject[1:]} {verb} ở đâu?"
    elif verb in ("có thể", "phải", "sẽ", "đã"):
        yield f"{subject[:1].upper()}{subject[1:]} {verb} làm gì?"
    else:
        yield f"{subject[:1].upper()}{subject[1:]} {verb} gì?"
    if year := re.search(r"\b(?:vào |từ |đến |trong )?năm (?:1\d|20)\d\d\b", rest):
        before = rest[: year.start()].strip()
        if len(before.split()) >= MIN_REST and _ends_naturally(before, _shortened(before)):
            yield f"Khi nào {subject} {verb} {_shortened(before)}?"


def parse(said: str) -> Statement | None:
    """The statement of a sentence without its full stop; None unless a noun phrase of a few words opens it."""
    words = said.split()
    for place in range(1, min(len(words) - MIN_REST, MAX_SUBJECT + 2)):
        verb = words[place]
        if verb in BE or verb in MODALS or verb in HAVE or verb in _VERBS:
            if verb in _VERBS and any(word in BE or word in MODALS for word in words[place + 1 : place + 3]):
                continue  # a participle: "the syntax used is …"
            subject = " ".join(words[:place])
            return Statement(subject, verb, " ".join(words[place + 1 :])) if is_subject(subject) else None
    return None


def is_subject(phrase: str) -> bool:
    """Whether the words are a noun phrase that can be asked about alone."""
    plain = re.sub(r"\s*\([^)]*\)", "", phrase)
    words = plain.lower().split()
    return (
        0 < len(words) <= MAX_SUBJECT
        and words[0] not in _POINTING
        and words[-1] not in _NOT_LAST
        and not _NOT_INSIDE.intersection(words)
        and not re.search(r"[,;:\"“”…]|- |^\W|\d$", plain)
        and len(plain) > 2
    )


def _about_subject(statement: Statement) -> Iterator[str]:
    person = _is_person(statement.subject)
    if statement.verb in BE and not person:
        return  # "What is a package?" asks for the other side
    singular = {"are": "is", "were": "was", "have": "has"}.get(statement.verb, statement.verb)
    asked = _shortened(statement.rest)
    if not _DANGLING.search(asked):
        yield f"{'Who' if person else 'What'} {singular} {asked}?"


def _about_predicate(statement: Statement, small: Small) -> Iterator[str]:
    subject, verb, rest = small(statement.subject), statement.verb, statement.rest
    if (match := _HOLDS.fullmatch(rest)) and verb in HAVE:
        yield f"How many {match['noun']} {_DO[verb]} {subject} have?"
    if verb in BE and (match := _WHEN.fullmatch(rest)) and re.match(_PARTICIPLE, match["mid"]):
        yield f"When {verb} {subject} {_shortened(match['mid'])}?"
    elif verb in MODALS and rest.startswith("not "):
        yield f"What {verb} {subject} not do?"
    elif verb in MODALS and not rest.startswith("be "):
        yield f"What {verb} {subject} do?"
    elif match := re.match(rf"(?:be )?{_PARTICIPLE} {_PREPOSITION}\b", rest) if verb in BE or verb in MODALS else None:
        yield f"What {verb} {subject} {match[0]}?"
    elif verb in BE and re.match(r"(?:an?|the|one of|any|those|part of) ", rest):
        yield f"{'Who' if _is_person(rest) else 'What'} {verb} {subject}?"
    if verb in BE and rest.startswith(("used to ", "used for ")):
        yield f"What {verb} {subject} used for?"


def _why(clause: str, small: Small) -> Iterator[str]:
    statement = parse(clause)
    if statement and (statement.verb in BE or statement.verb in MODALS):
        yield f"Why {statement.verb} {small(statement.subject)} {statement.rest}?"


def _is_person(phrase: str) -> bool:
    """Whether the head of a noun phrase names people."""
    head = re.split(r",| (?:of|in|from|at|for|who|and|that|on|by|with|to|as|under)\b", phrase.lower(), maxsplit=1)[
        0
    ].split()
    return bool(head) and head[-1] in _PERSONS


def _ends_naturally(rest: str, asked: str) -> bool:
    """Whether what was left out begins a clause; a word of two syllables may else have been cut in its middle."""
    return asked == rest.rstrip(",;: ") or rest[len(asked) :].startswith((*_BREAKS, ";", ":"))


def _vietnamese_pointing(subject: str) -> bool:
    """Whether the subject points elsewhere, or is "nobody"."""
    first = subject.lower().split()[0]
    return (
        first
        in "đây đó điều nó họ ông bà anh chị chúng ta tôi bạn và nhưng hoặc vậy thì cũng như nếu khi theo trong "
        "không chẳng chưa".split()
    )


def _shortened(rest: str) -> str:
    """The words up to a natural end, MAX_PREDICATE at most."""
    rest = re.split(r"[;:](?= )", rest)[0]
    words = rest.split()
    if len(words) <= MAX_PREDICATE:
        return rest.rstrip(",;: ")
    head = " ".join(words[:MAX_PREDICATE])
    least = len(" ".join(words[:3]))
    ends = [at for mark in _BREAKS if (at := head.find(mark, least)) > 0]
    kept = head[: min(ends)] if ends else head
    while kept.split()[-1].lower() in _NOT_LAST:
        kept = kept.rsplit(" ", 1)[0]
    return kept.rstrip(",;: ")
