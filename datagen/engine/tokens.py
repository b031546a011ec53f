"""How many tokens a call comes to, where nobody says."""

from __future__ import annotations

from datagen.domain.chat import ChatCall, ChatReply

CHARACTERS = 4  # of a token, about, in most models' vocabularies


def estimated(text_length: int) -> int:
    """Tokens of a text of so many characters."""
    return -(-text_length // CHARACTERS)


def of_prompt(call: ChatCall) -> int:
    """Tokens of all that is said to the model, estimated."""
    return estimated(sum(len(message.content) for message in call.messages))


def in_reply(call: ChatCall, reply: ChatReply) -> tuple[int, int, int]:
    """Tokens of the prompt and of the answer, and how many of these are estimated."""
    prompt, completion = reply.prompt_tokens, reply.completion_tokens
    guessed = 0
    if prompt is None:
        guessed += (prompt := of_prompt(call))
    if completion is None:
        guessed += (completion := estimated(len(reply.text)))
    return max(0, prompt), max(0, completion), guessed
