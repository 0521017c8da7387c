"""What an object still holds in memory, found by walking over everything that it refers to."""

import gc
from types import FunctionType, ModuleType


def held_in_memory(root: object, text: str) -> bool:
    """Whether a string that holds `text` can be reached from `root`; modules and classes are not entered."""
    seen, todo = {id(root): root}, [root]  # the objects too, or an id could be used again
    while todo:
        each = todo.pop()
        if isinstance(each, str) and text in each:
            return True
        for one in _references(each):
            if id(one) not in seen:
                seen[id(one)] = one
                todo.append(one)
    return False


def _references(each: object) -> list[object]:
    if isinstance(each, str | ModuleType | type):
        return []
    if isinstance(each, FunctionType):  # not its module
        return [*(each.__closure__ or ()), *(each.__defaults__ or ())]
    keys = list(each) if isinstance(each, dict) else []  # of a dict with nothing but strings as keys, gc gives none
    return [*keys, *gc.get_referents(each)]
