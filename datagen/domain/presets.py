"""Usual model servers: what of an address is the same wherever one of them runs."""

from __future__ import annotations

from dataclasses import dataclass

from datagen.domain.chat import Dialect
from datagen.domain.endpoints import NODE_PATH

_OPENAI_PATH = "/v1/chat/completions"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One kind of server; host and model are the person's own."""

    name: str
    base_url: str = ""  # "" = it runs wherever its owner runs it
    example: str  # of a base URL; the port is the one it listens on unless told otherwise
    path: str = _OPENAI_PATH
    dialect: Dialect = "openai"


PRESETS = (
    Preset(name="OpenAI", base_url="https://api.openai.com", example="https://api.openai.com"),
    Preset(name="vLLM", example="http://your-host:8000"),
    Preset(name="llama.cpp server", example="http://your-host:8080"),
    Preset(name="Ollama", example="http://your-host:11434"),
    Preset(name="LM Studio", example="http://your-host:1234"),
    Preset(name="Ratio1 node", example="https://your-node.example", path=NODE_PATH,
           dialect="ratio1"),
)
