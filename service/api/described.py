"""The description of the API: what each address takes and answers, in OpenAPI's words."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from consentkit.scopes import AUDIENCES, PURPOSES

Method = TypeVar("Method", bound=Callable[..., Any])
Schema = Mapping[str, Any]

DIGEST: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
NUMBER: Final[Schema] = {"type": "string", "format": "uuid"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
WHOLE: Final[Schema] = {"type": "integer", "minimum": 0}
AFTER: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
FILE: Final[Schema] = {"type": "string", "format": "binary"}
PURPOSE: Final[Schema] = {"type": "string", "enum": list(PURPOSES)}
AUDIENCE: Final[Schema] = {"type": "string", "enum": list(AUDIENCES)}
DECISION: Final[Schema] = {"type": "string", "enum": ["permitted", "excluded", "unknown"]}


def maybe(schema: Schema) -> Schema:
    return {**schema, "nullable": True}


def many(schema: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": schema, **limits}


def either(*schemas: Schema) -> Schema:
    return {"oneOf": list(schemas)}


ALL: Final[Schema] = {"type": "string", "enum": ["all"]}
IMAGES: Final[Schema] = either(many(NUMBER, minItems=1), ALL)


def thing(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def shown(schema: Schema, example: object) -> Schema:
    """With an example, which the page fills in."""
    return {**schema, "example": example}


PROBLEM: Final[Schema] = {
    "type": "object",
    "properties": {"type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT},
    "required": ["type", "title", "status", "detail"],
}
ALWAYS: Final = (400, 405, 422, 429, 500, 503)


def described(
    name: str,
    summary: str,
    *,
    answers: Mapping[int, Schema | None],
    problems: tuple[int, ...] = (),
    body: Mapping[str, Schema] | None = None,
    parameters: Mapping[str, Schema] | None = None,
    required: tuple[str, ...] = (),
    headers: Mapping[str, Schema] | None = None,
    media_type: str = "application/json",
    public: bool = False,
) -> Callable[[Method], Method]:
    """The description of one method. `name` is the operation's, for generated clients.

    `answers` by status, and every problem is problem+json; `body` by media type; `parameters` of the
    query, some of them `required`.
    """
    refused = {*ALWAYS, *problems} | (set() if public else {401, 403})
    responses: dict[Any, Any] = {
        (status, media_type if status == HTTPStatus.OK else "application/json"): OpenApiResponse(
            response=dict(schema) if schema is not None else None, description=HTTPStatus(status).phrase
        )
        for status, schema in answers.items()
    }
    for status in sorted(refused):
        responses[status, "application/problem+json"] = OpenApiResponse(
            response=dict(PROBLEM), description=HTTPStatus(status).phrase
        )
    wanted = [
        OpenApiParameter(name, dict(schema), "query", required=name in required)
        for name, schema in (parameters or {}).items()
    ]
    wanted += [OpenApiParameter(name, dict(schema), "header") for name, schema in (headers or {}).items()]
    return extend_schema(
        operation_id=name,
        summary=summary,
        request={kind: dict(schema) for kind, schema in body.items()} if body else None,
        responses=responses,
        parameters=wanted,
        auth=[] if public else [{"key": []}],  # type: ignore[list-item]  # its hints allow names alone
    )
