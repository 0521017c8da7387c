"""The usual names of columns for each role, as `normal` spells them; the first one that a table has is taken."""

import re
import unicodedata
from functools import lru_cache

Names = tuple[str, ...]

CHATS = (
    "messages", "conversations", "conversation", "dialogue", "dialog", "dialogs", "chat", "contents", "turns",
    "utterances", "items", "log", "session", "thread", "history_messages", "chat_messages", "segments", "msgs",
    "transcript", "hoi_thoai", "tin_nhan",
)  # fmt: skip
QUESTIONS = (
    "instruction", "instructions", "question", "query", "prompt", "user", "human", "definition",
    "inputs_pretokenized", "input", "inputs", "q", "problem",
    "input_text", "text_input", "user_message", "user_input", "user_prompt", "user_query", "utterance", "task",
    "question_text", "questiontext", "questions", "source", "src", "request", "customer", "ask", "message", "goal",
    "ctx", "message_1", "patterns", "customer_message", "client_message", "user_text", "chi_dan", "huong_dan",
    "yeu_cau", "dau_vao",
    "cau_hoi", "hoi", "frage", "pregunta", "pergunta", "domanda", "question_fr", "вопрос", "问题", "問題",
    "質問", "질문",
    "प्रश्न", "คำถาม", "سؤال", "السؤال", "pertanyaan", "soru",
)  # fmt: skip
ANSWERS = (
    "targets_pretokenized", "message_2", "dap", "dau_ra", "phan_hoi",
    "output", "outputs", "answer", "response", "completion", "reply", "answers", "target", "targets", "assistant",
    "gpt", "bot", "a", "solution", "output_text", "best_answer", "correct_answer", "right_answer", "final_answer",
    "accepted_answer", "assistant_message", "assistant_response", "bot_response", "model_response", "generation",
    "answer_text", "responses", "completions", "tgt", "expected_answer", "gold_answer", "ground_truth",
    "model_answer", "sample_answer", "short_answer", "agent_response", "agent_reply", "agent_message",
    "support_response", "support_reply",
    "answerkey", "answer_key", "correct", "cop",
    "gold", "label_text", "reference_answer", "long_answer", "human_answers", "reference", "expected_output", "ideal",
    "cau_tra_loi", "tra_loi", "dap_an", "antwort", "respuesta", "resposta", "risposta", "reponse", "ответ",
    "答案", "回答", "答え", "답변", "대답", "उत्तर", "คำตอบ", "جواب", "الجواب", "الإجابة", "jawaban", "cevap",
)  # fmt: skip
# The two sides of a study card.
FRONTS = ("front", "term", "word", "vorderseite", "begriff", "recto", "anverso", "mat_truoc", "thuat_ngu")
BACKS = ("back", "definition", "meaning", "ruckseite", "verso", "reverso", "definicion", "mat_sau", "dinh_nghia")
CONTEXTS = (
    "context", "contexts", "passage", "passages", "paragraph", "document", "documents", "article", "story", "support",
    "evidence", "background", "knowledge", "excerpt", "facts", "source_text", "retrieved_context", "reference_text",
    "input_context", "document_text", "retrieved_contexts", "retrieval_context",
    "ngu_canh", "doan_van", "kontext", "contexto", "contexte", "上下文",
)  # fmt: skip
# Two answers and the column that says which one is better.
COMPARED = (
    ("response_0", "response_1"), ("output_1", "output_2"), ("response_a", "response_b"), ("completion_a",
    "completion_b"),
    ("conversation_a", "conversation_b"), ("response_1", "response_2"), ("answer_0", "answer_1"), ("output_a",
    "output_b"),
    ("human_ref_a", "human_ref_b"), ("completion_0", "completion_1"), ("response1", "response2"), ("generator_1",
    "generator_2"),
)  # fmt: skip
BETTER = (
    "better_response_id", "preference", "winner", "preferred", "label", "labels", "chosen", "better", "choice",
    "overall_preference", "preferred_response", "best", "winner_model",
)  # fmt: skip
# Beside two answers: the score of each, or how strongly the second is preferred (below 0: the first).
SCORES = ("score", "rating", "reward", "votes")
STRENGTHS = ("preference_strength", "preference_score")
# Parts of names by which columns are told where no whole name is known.
ASKING = frozenset({"question", "query", "prompt", "instruction", "frage", "pregunta", "pergunta", "domanda", "hoi"})
ANSWERING = frozenset({
    "answer", "answers", "response", "responses", "reply", "completion", "antwort", "respuesta", "resposta", "risposta",
    "reponse", "loi",
})  # fmt: skip
REPLIES = ("answer", "answers", "response", "reply", "output", "completion", "accepted_answer")
TICKET_REPLIES = (
    *REPLIES, "agent_reply", "agent_response", "support_reply", "support_response", "resolution", "ticket_resolution",
    "resolution_note", "resolution_notes", "resolution_comment", "first_reply", "public_reply",
    "cau_tra_loi", "tra_loi", "phan_hoi", "antwort", "respuesta", "reponse",
)  # fmt: skip
# Of a ticket or a letter: what it is about, what it says, and what was answered.
SUBJECTS = ("subject", "ticket_subject", "email_subject", "betreff", "asunto", "objet", "tieu_de")
TICKETS = (
    "body", "description", "ticket_description", "message", "email_body", "details", "noi_dung",
)  # fmt: skip
COMMENTS = ("comments", "conversations", "threads", "replies", "notes", "correspondence")
SUMMARIES = ("summary", "highlights", "abstract", "tldr", "tl;dr", "summaries", "summarization", "tom_tat", "resume")
SOURCES = (
    "document", "article", "dialogue", "dialog", "text", "content", "body", "transcript", "report", "story", "source",
    "conversation", "paper", "full_text", "post", "news", "review", "meeting", "input", "passage", "context",
    "van_ban", "noi_dung", "bai_bao", "bai_viet",
)  # fmt: skip
SYSTEMS = ("system", "system_prompt", "system_message", "persona", "system_instruction", "systeminstruction", "sys")
HISTORIES = ("history", "chat_history", "previous", "context_history", "dialogue_history", "past_messages")
INPUTS = (
    "input", "inputs", "details", "question_body", "body", "question_detail", "question_content",
    "selftext",
)  # fmt: skip
LABELS = (
    "label", "kto_tag", "labels", "is_good", "good", "accepted", "is_accepted", "desirable", "is_correct", "thumbs_up",
    "feedback", "approved", "upvoted", "chosen_label", "is_helpful", "preferred", "rating", "vote", "helpful",
    "user_feedback", "feedback_type", "human_feedback", "thumbs", "thumb", "reaction", "user_rating", "was_helpful",
    "is_positive", "liked", "danh_gia", "phan_hoi_nguoi_dung",
)  # fmt: skip
# What sort a text is of.
CLASSES = (
    "label", "labels", "class", "classes", "category", "intent", "sentiment", "emotion", "topic", "tag", "polarity",
    "target", "y", "nhan", "cam_xuc", "chu_de", "y_dinh",
)  # fmt: skip
# How good an answer is, by a number.
GRADES = (
    "rating", "score", "stars", "reward", "quality", "user_rating", "quality_score", "answer_score", "response_score",
    "overall_score", "feedback_score", "answer_rating", "response_rating", "user_score", "human_score", "human_rating",
    "helpfulness", "satisfaction", "csat", "csat_score", "star_rating", "feedback", "diem", "danh_gia",
)  # fmt: skip
CHOSEN = (
    "chosen", "chosen_response", "preferred_output", "preferred", "chosen_answer", "chosen_output", "response_j",
    "better", "accepted", "winner_response", "positive", "better_response", "good", "best_response", "win",
    "preferred_response",
)  # fmt: skip
REJECTED = (
    "rejected", "rejected_response", "non_preferred_output", "dispreferred", "rejected_answer", "rejected_output",
    "response_k", "worse", "loser_response", "negative", "worse_response", "bad", "worst_response", "lose",
    "non_preferred_response", "non_preferred", "dispreferred_response",
)  # fmt: skip
CHOICES = (
    "choices", "options", "endings", "candidates", "answer_choices", "answer_options", "mc_choices", "alternatives",
    "possible_answers", "option", "lua_chon", "mc1_targets",
)  # fmt: skip
# Choices in columns of their own; all of a row must be there.
LETTERS = (
    ("a", "b", "c", "d", "e", "f"), ("opa", "opb", "opc", "opd", "ope"), ("option_a", "option_b", "option_c",
    "option_d", "option_e"),
    ("option1", "option2", "option3", "option4", "option5"), ("option_1", "option_2", "option_3", "option_4",
    "option_5"),
    ("choice_a", "choice_b", "choice_c", "choice_d"), ("choice1", "choice2", "choice3", "choice4"),
    ("answera", "answerb", "answerc", "answerd"), ("answer_a", "answer_b", "answer_c", "answer_d"), ("sol1", "sol2"),
    ("ending0", "ending1", "ending2", "ending3"), ("optiona", "optionb", "optionc", "optiond"),
    ("choicea", "choiceb", "choicec", "choiced"), ("ans1", "ans2", "ans3", "ans4"),
    ("answer_1", "answer_2", "answer_3", "answer_4"), ("dap_an_a", "dap_an_b", "dap_an_c", "dap_an_d"),
    ("lua_chon_a", "lua_chon_b", "lua_chon_c", "lua_chon_d"),
    ("phuong_an_a", "phuong_an_b", "phuong_an_c", "phuong_an_d"),
)  # fmt: skip
RIGHT = (
    "answer", "answerkey", "answer_key", "correct", "correct_answer", "label", "cop", "target", "gold",
    "correct_option", "answer_index", "answer_idx", "right_answer", "solution", "output", "ans", "key",
    "correct_answers", "correct_choice", "dap_an_dung", "cau_tra_loi_dung", "dap_an", "richtig", "richtige_antwort",
    "respuesta_correcta", "bonne_reponse",
)  # fmt: skip
STEMS = ("question", "query", "ctx", "goal", "sentence", "stem", "problem", "prompt", "input", "instruction", "premise")
TEXTS = (
    "text", "content", "document", "body", "passage", "paragraph", "article", "context", "sentence", "story", "page",
    "description", "abstract", "van_ban", "noi_dung", "texto", "texte",
)  # fmt: skip
WRITTEN = (
    "prompt",
    "input",
    "conversation",
    "data",
    "formatted",
    "transcript",
)  # where chat markup is found beside texts
TITLES = ("title", "heading", "headline", "tieu_de", "titel", "titre", "titulo")
SPEAKERS = (
    "role", "author_type", "sender_type", "author_role", "sender_role", "speaker_role", "message_role", "user_type",
    "speaker", "from", "sender", "author", "direction", "message_type", "vai_tro", "nguoi_gui", "nguoi_noi",
)  # fmt: skip
FLAGS = (
    "is_human", "is_user", "from_user", "human", "is_customer", "from_customer", "inbound", "is_inbound",
)  # fmt: skip
# whether a person speaks
SAID = ("content", "text", "message", "utterance", "value", "body", "msg", "mes", "noi_dung")
GROUPS = (
    "conversation_id", "session_id", "dialogue_id", "dialog_id", "chat_id", "thread_id", "conv_id", "conversation",
    "dialogueid", "conversationid", "session", "ticket_id", "ticket", "chat", "case_id", "ma_hoi_thoai", "hoi_thoai",
)  # fmt: skip

_REMARK = re.compile(r"(?<=\w)(?:\s+[-–—]\s+.{5,}|\s*\((?:s\)|[^()]{3,}\)).*)$", re.DOTALL)
_ACCENTS = re.compile(r"(?<=[a-z\u0300-\u036f])[\u0300-\u036f]")  # of Latin letters only

GOOD = frozenset({
    "true", "1", "1.0", "yes", "good", "desirable", "chosen", "up", "thumbs_up", "positive", "accept", "accepted",
    "approved", "correct", "like", "👍", "+1", "helpful", "thumbs up", "thumbsup", "upvote", "liked", ":thumbsup:",
    "tốt",
})  # fmt: skip
VERDICTS = frozenset({"accept", "reject", "ignore"})  # what a person who labels says of a row, never an answer
BAD = frozenset({
    "false", "0", "0.0", "no", "bad", "undesirable", "rejected", "down", "thumbs_down", "negative", "reject", "ignore",
    "-1", "-1.0", "declined", "incorrect", "wrong", "dislike", "👎", "unhelpful", "not helpful", "not_helpful",
    "thumbs down", "thumbsdown", "downvote", "disliked", ":thumbsdown:", "không tốt", "xấu",
})  # fmt: skip


@lru_cache(maxsize=2_000)
def normal(column: str) -> str:
    """A column's name without case and accents, with one underscore for blanks, points, hyphens and changes of case.

    A remark behind it, as in "Answer - max 75 letters" and "Answer (required)", is no part of the name.
    """
    bare = _REMARK.sub("", column.strip(" *\t\r\n"))
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", bare)
    parts = "_".join(spaced.casefold().replace("-", " ").replace("_", " ").replace(".", " ").split())
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", parts))
    return unicodedata.normalize("NFC", plain).replace("đ", "d")
