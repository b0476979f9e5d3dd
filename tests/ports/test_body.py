"""A body as text, and one that brings its own."""

import copy
import json
import pickle

import pytest

from app.ports.body import Spelled, encode


def spelled(**members: object) -> Spelled:
    return Spelled(members, {name: json.dumps(each) for name, each in members.items()})


def test_a_body_is_spelled_as_it_reads() -> None:
    """Over nothing, over another body, over its like, and over one with other members."""
    bodies = [spelled(), spelled(a=1), spelled(a=1).over({}), spelled().over({"b": "é"})]
    bodies += [spelled(a=2).over({"a": 1, "b": [None]}), spelled(a=3).over(bodies[-1])]
    bodies += [spelled(a=4).over(spelled(a=2).over({"b": 1.5}))]
    bodies += [spelled(c=5).over(bodies[-1]), spelled(a=6, c=6).over(bodies[-1])]
    for body in bodies:
        assert json.loads(encode(body), object_pairs_hook=once) == body
    assert bodies[-2:] == [{"a": 4, "b": 1.5, "c": 5}, {"a": 6, "b": 1.5, "c": 6}]


def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """No name stands there twice."""
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_a_spelled_body_does_not_change() -> None:
    """Or its text would be another's; what is made of it may."""
    body = spelled(a=1)
    for change in (
        lambda: body.update(a=2),
        lambda: body.setdefault("b", 2),
        lambda: body.pop("a"),
        lambda: body.__setitem__("a", 2),
        lambda: body.__delitem__("a"),
        body.clear,
        body.popitem,
    ):
        with pytest.raises(TypeError, match="make a new one"):
            change()
    with pytest.raises(TypeError):
        body |= {"a": 2}
    for made in (dict(body), body | {}, copy.copy(body), copy.deepcopy(body)):
        assert type(made) is dict
        made["a"] = 2
    assert type(pickle.loads(pickle.dumps(body))) is dict
    assert body == {"a": 1}
