"""What a view sends is what the protocol says, and it is plain JSON."""

import json
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from parrot_async.errors import DisconnectedError
from parrot_async.model.events import Logged, Spent
from parrot_async.model.models import LogLine, Usage
from parrot_async.view.actions import ACTIONS
from parrot_async.view.protocol import Action, FromBrowser, ToBrowser
from tests.unit.stories import attempt_failed, failed, progressed, requeued, started
from tests.unit.views import Talk, World, plan_of, stored


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type of the protocol, without any field that is not in it."""
    if kind is object:
        return True
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        return kind.__required_keys__ <= value.keys() <= hints.keys() and all(
            fits(field, hints[name]) for name, field in value.items()
        )
    if get_args(kind):
        return parts_fit(value, get_origin(kind), get_args(kind))
    return type(value) in ((int, float) if kind is float else (kind,))


def parts_fit(value: Any, origin: Any, args: tuple[Any, ...]) -> bool:
    """The same of a type that is made of others."""
    if origin is Literal:
        return value in args
    if origin is UnionType or origin is Union:
        return any(fits(value, one) for one in args)
    if origin is list:
        return isinstance(value, list) and all(fits(one, args[0]) for one in value)
    if origin is tuple:
        pairs = zip(value, args, strict=True)
        return isinstance(value, tuple) and all(fits(one, part) for one, part in pairs)
    return all(fits(name, args[0]) and fits(one, args[1]) for name, one in value.items())


MESSAGES = {get_args(kind.__annotations__["t"])[0]: kind for kind in get_args(ToBrowser)}


def check(talk: Talk) -> set[str]:
    """Check all that was sent; which kinds of message that were."""
    messages = talk.take()
    for message in messages:
        assert fits(message, MESSAGES[message["t"]]), message
        json.dumps(message, allow_nan=False)
    return {message["t"] for message in messages}


def test_what_is_sent_of_a_tree_is_in_the_protocol() -> None:
    world, talk = plan_of(3), Talk()
    tree = talk.with_tree(world)
    tree.hear("one", {"t": "hello", "rev": 0})
    tree.hear("one", {"t": "look", "id": "r.0"})
    tree.hear("one", {"t": "act", "n": 1, "action": "retry", "ids": ["r.2"]})
    tree.tick()

    world.line.answers["retry"].set_exception(LookupError("it still runs"))
    world.tell(
        started("r.0", "r.1", "r.2"),
        progressed("r.0", percent=12.34, step="reading", done=1, total=8),
        Logged(id="r.0", attempt=1, lines=(LogLine(1.0, "info", "read"),)),
        Spent(id="r.0", attempt=1, usage=Usage(1, 2)),
        attempt_failed("r.1"),
        requeued("r.1"),
        failed("r.2"),
    )
    tree._pages["one"].details._not_before = 0.0
    tree.tick()
    world.trees.lose(DisconnectedError("gone"))
    tree.hear("one", {"t": "hello", "rev": 2})
    tree.tick()

    assert check(talk) == {"full", "delta", "details", "done", "beat"}


def test_what_is_sent_of_a_panel_is_in_the_protocol() -> None:
    world, talk = World(), Talk()
    panel = talk.with_panel(world)
    panel.hear("one", {"t": "hello", "rev": 0})
    panel.tick()
    world.answer(panel.feed, stored("m1", "running", completed_at=None), stored("m0", error="x"))
    panel.tick()
    panel.tick()
    world.answer(panel.feed, stored("m2"), stored("m1", completed_at=9.0))
    panel.tick()
    panel.tick()

    assert check(talk) >= {"full", "delta"}


@pytest.mark.parametrize(
    "message",
    [
        {"t": "beat", "at": 1.0, "rev": 1, "mood": "good"},
        {"t": "beat", "at": 1.0},
        {"t": "beat", "at": "now", "rev": 1},
        {"t": "delta", "rev": 2, "at": 1.0, "new": [{"id": "r", "title": "t"}]},
        {"t": "done", "n": True},
    ],
)
def test_a_message_that_is_not_in_the_protocol_is_noticed(message: dict[str, Any]) -> None:
    assert not fits(message, MESSAGES[message["t"]])


def test_each_kind_of_message_has_a_name_of_its_own() -> None:
    for direction in (ToBrowser, FromBrowser):
        names = [get_args(kind.__annotations__["t"])[0] for kind in get_args(direction)]

        assert len(set(names)) == len(names)


def test_each_action_of_the_protocol_is_one_that_the_service_can_do() -> None:
    assert set(ACTIONS) == set(get_args(Action))
