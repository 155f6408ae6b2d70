"""The resources and prompts that the conformance suite asks for by name."""

from __future__ import annotations

import json

from mcp import types

from tests.everything.tools import PIXEL, image, text

TEMPLATE = types.ResourceTemplate(
    name="template", uri_template="test://template/{id}/data", description="Says its id.", mime_type="application/json"
)

_TEXTS = {
    "test://static-text": "This is the content of the static text resource.",
    "test://watched-resource": "Somebody may watch this.",
}
_BINARY = "test://static-binary"


def resources() -> list[types.Resource]:
    """Those that are listed."""
    kinds = dict.fromkeys(_TEXTS, "text/plain") | {_BINARY: "image/png"}
    return [
        types.Resource(uri=uri, name=uri.removeprefix("test://"), description="For the suite.", mime_type=kind)
        for uri, kind in kinds.items()
    ]


def read(uri: str) -> types.ReadResourceResult | None:
    """What stands there; None if it is none of ours."""
    if uri in _TEXTS:
        return _read(types.TextResourceContents(uri=uri, mime_type="text/plain", text=_TEXTS[uri]))
    if uri == _BINARY:
        return _read(types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PIXEL))
    if uri.startswith("test://template/") and uri.endswith("/data"):
        id = uri.removeprefix("test://template/").removesuffix("/data")
        told = json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})
        return _read(types.TextResourceContents(uri=uri, mime_type="application/json", text=told))
    return None


def prompts() -> list[types.Prompt]:
    """Those that are listed."""
    takes = {
        "test_simple_prompt": (),
        "test_prompt_with_arguments": ("arg1", "arg2"),
        "test_prompt_with_embedded_resource": ("resourceUri",),
        "test_prompt_with_image": (),
        "test_input_required_result_prompt": (),
    }
    return [
        types.Prompt(
            name=name,
            description=f"Asked for by the conformance suite: {name}",
            arguments=[types.PromptArgument(name=each, required=True) for each in arguments],
        )
        for name, arguments in takes.items()
    ]


def got(name: str, given: dict[str, str]) -> types.GetPromptResult:
    """A prompt by its name, other than the one that asks back."""
    match name:
        case "test_simple_prompt":
            return _said(text("This is a simple prompt for testing."))
        case "test_prompt_with_arguments":
            return _said(text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"))
        case "test_prompt_with_embedded_resource":
            embedded = types.TextResourceContents(
                uri=given["resourceUri"], mime_type="text/plain", text="Embedded resource content for testing."
            )
            resource = types.EmbeddedResource(type="resource", resource=embedded)
            return _said(resource, text("Please process the embedded resource above."))
        case _:
            return _said(image(), text("Please analyze the image above."))


def _read(*contents: types.TextResourceContents | types.BlobResourceContents) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[*contents])


def _said(*content: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=each) for each in content])
