"""Korean nouns without their particles, and verbs without the endings of statements and questions."""

MIN_STEM = 2  # written syllables that stay; shorter words have no particle that can be told
# Longest first: what stands behind a noun, and the endings of 하다, 되다 and 이다.
ENDINGS = tuple(
    sorted(
        (
            "은 는 이 가 을 를 의 에 로 와 과 도 만 께 에서 에게 한테 으로 부터 까지 처럼 보다 에는 에도 에서는 으로는 "
            "이나 입니다 이다 인가요 입니까 이에요 예요 이란 하다 합니다 하나요 합니까 하는 한다 했다 했습니다 했나요 "
            "하는지 되다 됩니다 되나요 됩니까 되는 된다 됐다 되었다 되었습니다 되었나요 됐나요 해야 하려면 하고 하면"
        ).split(),
        key=len,
        reverse=True,
    )
)
# Particles that stand alone behind Latin letters, and words of questions, which no answer has.
STOP_WORDS = (
    "은 는 이 가 을 를 의 에 로 와 과 도 만 에서 으로 무엇 무엇을 무엇이 무엇인가요 무엇입니까 뭐 뭐예요 누구 누가 "
    "누구를 누구인가요 누구입니까 언제 언제인가요 어디 어디에 어디에서 어디인가요 어떻게 어떤 어느 왜 얼마 얼마나 "
    "얼마인가요 몇 있나요 있습니까 있습니다 있는 인가요 입니까 되나요 하나요 합니까 됩니까 주세요 알려 "
    "알려주세요 대해 그리고"
).split()


class KoreanStemmer:
    """Cuts the longest known ending off a word of Hangul."""

    def stemWord(self, word: str) -> str:  # noqa: N802 - the name of PyStemmer's method
        """The word without its ending; the word itself where too little would stay."""
        ending = next((each for each in ENDINGS if word.endswith(each) and len(word) - len(each) >= MIN_STEM), "")
        return word.removesuffix(ending)
