"""Which part is which, before and after."""

from apigateway.editing.alignment import steps_of_items, steps_of_keys


def test_a_new_key_comes_behind_the_one_before_it() -> None:
    new = {"name": 1, "owner": 2, "key": 3, "code": 4}
    assert steps_of_keys(["name", "key", "secret"], new) == [
        (0, "name"),
        (None, "owner"),
        (1, "key"),
        (None, "code"),
        (2, None),
    ]


def test_a_key_that_comes_first_has_none_before_it() -> None:
    assert steps_of_keys(["b"], {"a": 1, "b": 2}) == [(None, "a"), (0, "b")]


def test_equal_items_are_one_wherever_they_stand() -> None:
    assert steps_of_items(["a", "b", "c"], ["b", "c", "d"]) == [
        (0, None),
        (1, 0),
        (2, 1),
        (None, 2),
    ]


def test_an_item_is_known_by_its_name_when_the_rest_has_changed() -> None:
    old = [{"name": "city", "in": "path"}, {"name": "days", "max": 1}]
    new = [{"name": "days", "max": 2}, {"name": "unit"}]
    assert steps_of_items(old, new) == [(0, None), (1, 0), (None, 1)]


def test_one_scalar_is_written_in_the_place_of_another() -> None:
    assert steps_of_items(["a", "b"], ["a", "c"]) == [(0, 0), (1, 1)]


def test_an_equal_item_goes_before_one_of_the_same_name() -> None:
    old = [{"app": "a", "apis": ["x"]}, {"app": "a", "apis": ["y"]}]
    assert steps_of_items(old, [old[1]]) == [(0, None), (1, 0)]


def test_true_is_not_one() -> None:
    assert steps_of_items([1], [True]) == [(0, 0)]
    assert steps_of_items([{"name": 1}], [{"name": True}]) == [(0, None), (None, 0)]


def test_of_equal_items_the_one_in_the_same_place_stays() -> None:
    one, other = {"app": "a", "apis": ["x"]}, {"app": "a", "apis": ["y"]}
    assert steps_of_items([one, one], [other, one]) == [(0, 0), (1, 1)]
    assert steps_of_items([one, one], [one, other]) == [(0, 0), (1, 1)]
