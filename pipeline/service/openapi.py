"""The service's interface as an OpenAPI 3.1 document: https://spec.openapis.org/oas/v3.1.1."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.service.payload import MAX_NUMBER, MAX_ROWS, MEDIA_TYPE

#: The fields of a prediction in an answer.
ANSWER_FIELDS: Final = ("prediction_id", "model_version", "probability", "decision", "confidence")

_KINDS: dict[str, Any] = {
    "number": {"type": ["number", "null"], "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
    "category": {"type": ["string", "null"]},
}
_REFUSALS = ("400", "408", "413", "415", "422", "500", "503")


def document(schema: Mapping[str, str], version: str) -> dict[str, Any]:
    """Describe the service of a model.

    Parameters
    ----------
    schema : mapping
        Each feature in order: "number" or "category".
    version : str
        The model's.
    """
    one, several = {"$ref": "#/components/schemas/Prediction"}, {"$ref": "#/components/schemas/Predictions"}
    predict = {
        "requestBody": {"required": True, "content": _content(_rows(schema))},
        "responses": {"200": _answer({"anyOf": [one, several]}), **dict.fromkeys(_REFUSALS, _answer(_ref("Error")))},
    }
    tell = {"responses": {"200": _answer({"type": "object"})}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sevenfold scoring", "version": version},
        "paths": {
            "/predict": {"post": predict},
            **{path: {"get": tell} for path in ("/health", "/schema", "/openapi.json")},
        },
        "components": {"schemas": _components()},
    }


def _rows(schema: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema of a body: a row by name, a row by position, or several of these."""
    kinds = {name: _KINDS[kind] for name, kind in schema.items()}
    by_name = {"type": "object", "properties": kinds, "required": list(kinds), "additionalProperties": False}
    n = len(kinds)
    by_position = {"type": "array", "prefixItems": list(kinds.values()), "items": False, "minItems": n, "maxItems": n}
    row = {"anyOf": [by_name, by_position]}
    # Not as maxItems: too many rows aren't a wrong body (422) but too large a one (413).
    several = {"type": "array", "items": row, "minItems": 1, "description": f"At most {MAX_ROWS} rows."}
    return {"anyOf": [by_name, by_position, several]}


def _components() -> dict[str, Any]:
    text, share = {"type": "string"}, {"type": "number", "minimum": 0, "maximum": 1}
    decision = {"enum": ["approve", "deny"]}
    prediction = _object(dict(zip(ANSWER_FIELDS, (text, text, share, decision, share), strict=True)))
    rows = {"type": "array", "items": _ref("Prediction")}
    return {
        "Prediction": prediction,
        "Predictions": _object({"predictions": rows}),
        "Error": _object({"error": text, "request_id": text}),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "JSON", "content": _content(schema)}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {MEDIA_TYPE: {"schema": schema}}
