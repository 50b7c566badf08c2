"""The plan of the recurrence on a GPU: it fits, covers everything, and is the cheapest of few."""

import itertools
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xprnn import kernels
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.kernels.cuda import cost
from xprnn.kernels.cuda import device as devices
from xprnn.kernels.cuda import plan as planner
from xprnn.kernels.cuda.cost import price
from xprnn.kernels.cuda.device import KNOWN, Device
from xprnn.kernels.cuda.expressions import write_step
from xprnn.kernels.cuda.layout import Loop, Unplannable, count_needs, read_loop
from xprnn.kernels.cuda.plan import choose, list_candidates, shortlist
from xprnn.kernels.cuda.source import write_program

H100 = KNOWN["H100"]
ELMAN = {"gates": 1, "forward": True, "dtype": "float32"}
SIZES = {"steps": 200, "batch": 1, "models": 1}

DEVICES = st.sampled_from(sorted(KNOWN.values())) | st.builds(
    Device,
    name=st.just("a GPU"),
    capability=st.sampled_from([(7, 0), (7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0)]),
    multiprocessors=st.integers(16, 160),
    registers=st.sampled_from([32768, 65536]),
    shared=st.sampled_from([48, 64, 99, 163, 227]).map(lambda kilobytes: kilobytes << 10),
    threads=st.sampled_from([256, 512, 1024]),
    cooperative=st.just(True),
)


def plan(device, **sizes):
    """Return the plan of a loop by its sizes."""
    return choose(device, read_loop(**sizes))


@st.composite
def loops(draw):
    """Draw a loop, forward or backward, of an Elman, a GRU or an LSTM."""
    return read_loop(
        steps=draw(st.integers(1, 1000)),
        batch=draw(st.integers(1, 300)),
        size=draw(st.integers(1, 600) | st.integers(1, 4000)),
        gates=draw(st.sampled_from([1, 3, 4])),
        forward=draw(st.booleans()),
        dtype=draw(st.sampled_from(["float32", "float64"])),
        models=draw(st.sampled_from([1, 2, 7, 64])),
    )


def count_cycles(device, given, made):
    """Return the estimated cost of a plan, in clock cycles of a multiprocessor."""
    return price(device, given, made).cost(given, made.groups)


def found(device, given):
    """Return the candidates, or skip the example where there are none."""
    try:
        return list_candidates(device, given)
    except Unplannable:
        assume(False)


@given(DEVICES, loops())
def test_every_candidate_fits_on_the_device(device, given):
    for made in found(device, given):
        assert 1 <= made.groups * made.blocks <= device.multiprocessors
        assert made.threads % 32 == 0
        assert 32 <= made.threads <= device.threads
        needed = count_needs(given, made)
        assert needed.shared <= device.shared
        assert needed.registers <= 255
        a_warp = 32 * (-(-needed.registers // 8) * 8)  # as registers are given out
        a_scheduler = -(-made.threads // 32 // 4) * a_warp  # which has a quarter of them
        assert 4 * a_scheduler <= device.registers


@given(DEVICES, loops())
def test_every_unit_row_and_weight_has_its_place(device, given):
    for made in found(device, given):
        needed, warps = count_needs(given, made), made.threads // 32
        of_a_block = -(-given.size // made.blocks)
        assert (made.blocks - 1) * of_a_block < given.size
        assert needed.units * warps >= of_a_block
        assert 32 * needed.length >= given.size * given.inputs
        tiles = given.models * math.ceil(given.batch / made.rows)
        assert 1 <= made.groups <= tiles
        assert made.groups == tiles or (made.groups + 1) * made.blocks > device.multiprocessors


@given(DEVICES, loops())
def test_the_candidates_are_in_order_of_cost(device, given):
    ordered = found(device, given)
    costs = [count_cycles(device, given, made) for made in ordered]
    assert costs == sorted(costs)
    assert list_candidates(device, given) == ordered
    assert len(set(ordered)) == len(ordered)


def listed(device, given):
    """Return the candidates that are on the short list."""
    layouts = {one.layout for one in shortlist(device, given)}
    return [made for made in list_candidates(device, given) if made._replace(groups=1) in layouts]


@given(DEVICES, loops())
def test_a_plan_is_the_cheapest_of_the_short_list_and_always_the_same(device, given):
    found(device, given)
    some = listed(device, given)
    assert len(some) == len(shortlist(device, given))
    made = choose(device, given)
    assert made in some
    assert count_cycles(device, given, made) == min(
        count_cycles(device, given, one) for one in some
    )
    planner.choose.cache_clear()
    planner._shortlist.cache_clear()
    assert choose(device, given) == made


@given(DEVICES, loops(), st.sampled_from(planner.BATCHES))
def test_the_short_list_has_the_cheapest_layout_of_full_blocks(device, given, batch):
    """For the sizes that it is made for; of all blocks, where no full one fits."""
    typical = given._replace(steps=planner.STEPS, batch=batch, models=1)
    every = found(device, typical)
    threads = min(planner.FULL, 32 * given.size)
    full = [made for made in every if made.threads == threads] or every
    costs = [count_cycles(device, typical, made) for made in full]
    assert count_cycles(device, typical, choose(device, typical)) == min(costs)


@given(DEVICES, loops())
def test_what_has_a_candidate_has_a_plan(device, given):
    """And what has none is refused in the same words."""
    said = []
    for chosen in (lambda *case: list_candidates(*case)[0], choose):
        try:
            chosen(device, given)
            said.append("")
        except Unplannable as error:
            said.append(str(error))
    assert said[0] == said[1]


SOME = st.tuples(st.integers(1, 1000), st.integers(1, 1000), st.integers(1, 64))


@given(DEVICES, loops(), st.lists(SOME, min_size=1, max_size=20))
def test_a_loop_has_few_layouts_whatever_its_steps_batch_and_models(device, given, sizes):
    """And a new size asks for the needs and the price of no layout again, which takes long."""
    found(device, given)
    few = {one.layout for one in shortlist(device, given)}
    assert len(few) <= len(planner.BATCHES) == 13
    with pytest.MonkeyPatch.context() as patch:
        for name in ("list_fitting", "price"):
            patch.setattr(planner, name, None)
        for steps, batch, models in sizes:
            other = given._replace(steps=steps, batch=batch, models=models)
            assert choose(device, other)._replace(groups=1) in few


def test_a_source_is_made_once_for_all_steps_batches_and_models():
    """To make one takes longer than to find one; and equal ones would be compared as a whole."""
    given = read_loop(**ELMAN, **SIZES, size=64)
    made = choose(H100, given)
    others = given._replace(steps=201), given._replace(batch=3, models=5)
    sources = [
        write_program(write_step(Elman()), one, made._replace(groups=k))
        for k, one in enumerate(others)
    ]
    assert all(one is write_program(write_step(Elman()), given, made) for one in sources)


CELLS = {"elman": Elman(), "lstm": LSTM(), "gru": GRU()}


@pytest.mark.parametrize("size", [16, 100, 256, 512])
@pytest.mark.parametrize("name", CELLS)
def test_few_kernels_are_compiled_for_all_small_batches(name, size):
    """At most twelve, forward and backward together; with a layout for every size it was 60."""
    for dtype in ("float32", "float64"):
        sizes = {"size": size, "gates": CELLS[name].gates, "dtype": dtype, "models": 1}
        sources = set()
        for batch, steps, forward in itertools.product(
            range(1, 65), (1, 5, 10, 25, 50, 100, 200, 500, 1000), (True, False)
        ):
            given = read_loop(steps=steps, batch=batch, forward=forward, **sizes)
            try:
                made = choose(H100, given)
            except Unplannable:
                assert (name, size, dtype) == ("lstm", 512, "float64")
                continue
            source = write_program(write_step(CELLS[name]), given, made)
            sources.add((source.name, source.text))
        assert len(sources) <= 12


@given(loops())
def test_a_plan_costs_little_more_than_the_cheapest_candidate(given):
    """On an H100; most cost a few in a hundred more."""
    every = found(H100, given)
    least = count_cycles(H100, given, every[0])
    assert count_cycles(H100, given, choose(H100, given)) <= 2 * least


@given(DEVICES, loops(), st.sampled_from(["steps", "batch", "models"]), st.integers(1, 100))
def test_more_work_never_costs_less(device, given, axis, more):
    larger = given._replace(**{axis: getattr(given, axis) + more})
    found(device, given)
    costs = [count_cycles(device, g, choose(device, g)) for g in (given, larger)]
    assert costs[0] <= costs[1]


@given(DEVICES, loops())
def test_work_that_does_not_fit_at_once_takes_turns(device, given):
    """A thousand times as many models are at least 1000 / 170 times as much work in turns."""
    found(device, given)
    costs = [
        count_cycles(device, g, choose(device, g))
        for g in (given, given._replace(models=1000 * given.models))
    ]
    assert 5 * costs[0] <= costs[1]


@given(DEVICES, loops(), st.integers(1, 100))
def test_with_more_multiprocessors_some_candidate_never_costs_more(device, given, more):
    larger = device._replace(multiprocessors=device.multiprocessors + more)
    costs = [count_cycles(d, given, found(d, given)[0]) for d in (larger, device)]
    assert costs[0] <= costs[1]


@given(DEVICES, loops(), st.floats(0, 1))
def test_what_fits_fits_with_fewer_units_too(device, given, share):
    assert found(device, given)
    assert list_candidates(device, given._replace(size=1 + int(share * (given.size - 1))))


@given(DEVICES, st.integers(1, 64), st.sampled_from([1, 3, 4]), st.integers(1, 500))
def test_a_narrow_layer_needs_no_exchange(device, size, gates, batch):
    assume(device.registers == 65536)
    sizes = {"steps": 100, "batch": batch, "size": size, "models": 1, "dtype": "float32"}
    for forward in (True, False):
        assert plan(device, gates=gates, forward=forward, **sizes).blocks == 1


@pytest.mark.parametrize(
    ("gates", "dtype", "widest"),
    [(1, "float32", 2048), (1, "float64", 1184), (3, "float32", 1024), (4, "float32", 1024)],
)
def test_how_wide_a_layer_fits_on_an_h100(gates, dtype, widest):
    for forward in (True, False):
        sizes = SIZES | {"gates": gates, "forward": forward, "dtype": dtype}
        made = plan(H100, size=widest, **sizes)
        assert made.blocks > 100
        assert made.groups == 1
        with pytest.raises(Unplannable, match=r"do not fit on the 132 multiprocessors of H100"):
            plan(H100, size=2 * widest, **sizes)


def test_many_models_stand_side_by_side():
    made = plan(
        H100, steps=200, batch=1, size=64, gates=1, forward=True, dtype="float32", models=64
    )
    assert (made.groups, made.blocks, made.rows) == (64, 1, 1)


def test_why_there_is_no_plan():
    sizes = {**SIZES, "size": 4096, "gates": 1, "forward": True, "dtype": "float32"}
    with pytest.raises(Unplannable, match=r"4096 units with 4096 weights .* registers .* has \d+"):
        plan(H100, **sizes)
    small = H100._replace(shared=1000)
    with pytest.raises(Unplannable, match=r"need \d+ bytes of shared memory, and has 1000"):
        plan(small, **(sizes | {"size": 512}))
    with pytest.raises(Unplannable, match=r"compute capability 6.1.* takes 7.0"):
        plan(H100._replace(capability=(6, 1)), **sizes)
    with pytest.raises(Unplannable, match="cannot launch blocks that wait"):
        plan(H100._replace(cooperative=False), **sizes)
    with pytest.raises(Unplannable, match="this is float16"):
        plan(H100, **(sizes | {"dtype": "float16"}))
    with pytest.raises(Unplannable, match="an axis has length 0"):
        plan(H100, **(sizes | {"steps": 0}))


def test_the_constants_order_the_layouts_only():
    """An exchange that cost nothing would spread the units of one sequence further."""
    given = Loop(200, 1, 128, 1, True, 1, 1)
    made = list_candidates(H100, given)
    assert choose(H100, given).blocks == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "EXCHANGE", 0)
        free = min(made, key=lambda one: count_cycles(H100, given, one))
    assert free.blocks > made[0].blocks == 1


def test_the_device_is_what_the_driver_says(monkeypatch):
    about = {
        "name": b"NVIDIA H100 80GB HBM3",
        "major": 9,
        "minor": 0,
        "multiProcessorCount": 132,
        "regsPerMultiprocessor": 65536,
        "sharedMemPerBlockOptin": 232448,
        "maxThreadsPerBlock": 1024,
        "cooperativeLaunch": 1,
    }
    asked = []
    runtime = SimpleNamespace(getDeviceProperties=lambda n: asked.append(n) or about)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "cupy.cuda", SimpleNamespace(runtime=runtime))
    found = devices.read_device.__wrapped__(3)  # not from the cache
    assert found == H100._replace(name="NVIDIA H100 80GB HBM3")
    assert asked == [3]
    assert H100.architecture == "sm_90"


def test_the_kernel_reads_as_many_numbers_at_once():
    source = (Path(cost.__file__).parent / "recurrence.cu").read_text()
    assert f"constexpr int POLLED = {cost.POLLED};" in source


def test_dtypes_of_other_libraries_are_known():
    sizes = SIZES | {"size": 8, "gates": 1, "forward": True}
    for dtype in (np.float32, np.dtype("float32"), "float32"):
        assert read_loop(dtype=dtype, **sizes).words == 1
    assert read_loop(dtype=float, **sizes).words == 2


@pytest.fixture
def no_environment(monkeypatch):
    monkeypatch.delenv("XPRNN_KERNELS", raising=False)


def explained(cell="elman", **other):
    """Return the lines of an explanation."""
    case = {"steps": 10, "batch": 2, "hidden_size": 64, **other}
    return kernels.explain(cell, **case).splitlines()


def test_explain_on_a_gpu_that_is_not_there(no_environment, monkeypatch):
    shape, cuda, forward, backward = explained("gru", device="A100", models=3)
    assert shape.endswith("64 units, 10 steps, 2 sequence(s), 3 model(s), float32, on A100")
    assert cuda == "cuda: one launch on A100"
    assert forward.startswith("  forward: 6 group(s) of 1 block(s) of")
    assert backward.startswith("  backward: 6 group(s) of 1 block(s) of")
    assert explained(device=H100)[0].endswith("on H100")
    _, cuda, reference = explained(device="H100", hidden_size=5000)
    assert "cuda: no, 5000 units with 5000 weights each do not fit on the 132" in cuda
    assert reference == "reference: step by step in Python"
    assert "inner part" in explained("gru_reset_before", device="H100")[1]
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    _, cuda, reference = explained(device="H100")
    assert cuda == "cuda: no, switched off by XPRNN_KERNELS=reference"
    assert reference.startswith("reference: ")


def test_explain_says_what_lookup_does(place, no_environment):
    for cell in (Elman(), Elman("elu"), LSTM(peepholes=True), GRUResetBefore()):
        lines = explained(cell, backend=place.backend)
        runs = [line for line in lines[1:] if not line.startswith("  ") and ": no, " not in line]
        (name,) = [line.partition(":")[0] for line in runs]
        shapes = {"x": (1, 10, 2, 1), "U": (64, cell.gates * 64)}
        found = kernels.lookup(cell, place.xp, shapes, place.xp.float32)
        assert kernels.TWINS[name].unroll is found


def test_explain_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float64'"):
        explained(dtype="float16")
    with pytest.raises(ValueError, match=r"device must be one of .*'H100'.*did you mean 'H100'"):
        explained(device="h10")
    with pytest.raises(ValueError, match="cell must be one of"):
        explained("elmann")
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        explained(steps=0)
    with pytest.raises(TypeError, match="models must be an integer"):
        explained(models=1.0)
