"""Options that several commands have: what for, for whom, from where."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer


class Purpose(StrEnum):
    """What the images are for: `scopes.PURPOSES`, by a test."""

    AI_TRAINING = "ai_training"
    AI_GENERATIVE_TRAINING = "ai_generative_training"
    AI_INFERENCE = "ai_inference"
    DATA_MINING = "data_mining"
    EVALUATION = "evaluation"


class Audience(StrEnum):
    """Who asks: `scopes.AUDIENCES`, by a test."""

    RESEARCH = "research"
    COMMERCIAL = "commercial"


PurposesOption = Annotated[
    list[Purpose],
    typer.Option("--purpose", help="What the images are for. May be given again: then all of them must permit."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
FeedOption = Annotated[
    str | None,
    typer.Option("--feed", metavar="URL", help="Plain files of a public collection; needs CONSENTKIT_LOG_KEY, no key."),
]
AudienceOption = Annotated[
    Audience | None,
    typer.Option("--audience", help="Who asks a --feed: research unless given. A key says it itself."),
]
CollectionOption = Annotated[
    UUID | None, typer.Option("--collection", metavar="ID", help="Which one a --feed must be of, else the first.")
]
