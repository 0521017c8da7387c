"""What happened since the start, for a host's monitoring: numbers alone, never a text, a name or an id."""

from prometheus_client import Counter

ANSWERS = Counter("playground_answers", "Answers of all arms, by whether they finished or were cut.", ["end"])
TOKENS = Counter("playground_tokens", "Tokens generated in answers.")
REFUSALS = Counter("playground_refusals", "Requests that were refused or failed, by the reason.", ["reason"])
