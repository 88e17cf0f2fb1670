"""Arrays of NumPy, and of torch and JAX by stand-ins for their classes."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.registry import Description, describe


def described(value: Any, options: str = "", *, budget: int = 1_000) -> Description:
    """Return a description."""
    return describe(value, name="x", options=options, budget=budget)


def test_small_arrays_are_whole() -> None:
    """A small array is its shape, its type and all of its values."""
    found = described(np.array([[1, 2], [3, 4]]))
    assert found.text == "numpy.ndarray, shape (2, 2), dtype int64:\n[[1, 2],\n [3, 4]]"
    assert (found.cut, found.summary, found.inline) == ("", "2 x 2 int64", False)


def test_large_arrays() -> None:
    """A large array is its shape, type, range, missing values, and the first few."""
    values = np.arange(100_000, dtype=float).reshape(1_000, 100)
    values[3, 4] = np.nan
    values[5, 6] = np.inf
    text = described(values).text
    assert "shape (1000, 100), dtype float64" in text
    assert "range 0 to 99999 and 1 infinite, 1 NaN" in text
    assert "values at [:3, :8]" in text
    assert described(values).cut == "all but values at [:3, :8]"
    assert "values at [0, :3, :8]" in described(np.zeros((9, 99, 99))).text
    assert "first 20 of 5,000 elements" in described(np.zeros(5_000)).text


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        (np.zeros(0), "shape (0,)"),
        (np.array(3.5), "shape ()"),
        (np.ones(5_000, dtype=bool), "True 5,000, False 0"),
        (np.arange(5_000, dtype=np.uint8), "range 0 to 255"),
        (np.full(5_000, np.nan), "5,000 NaN"),
        (np.full(5_000, 1, dtype=np.float16), "range 1 to 1"),
        (np.full(5_000, "2024-01-01", dtype="M8[D]"), "range 2024-01-01 to 2024-01-01, 0 NaT"),
        (np.full(5_000, "NaT", dtype="M8[ns]"), "5,000 NaT"),
        (np.zeros(5_000, dtype=complex), "dtype complex128"),
        (np.full(5_000, "text"), "dtype <U4"),
        (np.array([{"a": 1}, None, [1]], dtype=object), "[{'a': 1}, None, [1]]"),
        (np.zeros(3, dtype=[("a", int), ("b", "U3")]), "(0, '')"),
        (np.ma.masked_array([1, 2], [False, True]), "[1, --]"),
        (np.arange(6).reshape(2, 3).T, "[[0, 3],"),
        (np.zeros(3, dtype=[("a", int)]).view(np.recarray), "[(0,), (0,), (0,)]"),
    ],
)
def test_types(values: Any, facts: str) -> None:
    """Arrays of each type are told."""
    assert facts in described(values).text


def test_transposed_and_strided() -> None:
    """The range is that of the view, whatever its order in memory."""
    values = np.arange(40_000).reshape(200, 200)
    assert "range 0 to 39998" in described(values.T[::2]).text
    assert "range 1 to 39999" in described(values[:, 1::2]).text


def test_nothing_is_changed() -> None:
    """A read-only array is described, and stays as it is."""
    values = np.arange(5_000.0)
    values.flags.writeable = False
    before = values.copy()
    described(values)
    np.testing.assert_array_equal(values, before)


def test_mapped_files(tmp_path: Path) -> None:
    """Of a large file that is mapped into memory, only a sample is read, and that is said."""
    np.save(tmp_path / "x.npy", np.arange(1_000_000.0))
    values = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert "in a sample of 20,000 elements: range " in described(values).text


def test_options() -> None:
    """`head=N` shows the first rows, `full` everything."""
    values = np.arange(6_000).reshape(2_000, 3)
    assert "first 2 of 2,000 along the first axis:\n[[0, 1, 2],\n [3, 4, 5]]" in (
        described(values, "head=2").text
    )
    full = described(values, "full", budget=10)
    assert "[5997, 5998, 5999]]" in full.text
    assert full.cut == ""
    with pytest.raises(UsageError, match="2,000,000 elements"):
        described(np.zeros(2_000_000), "full")


def test_arrays_in_other_values() -> None:
    """In a list an array is its type, its shape and the type of its values."""
    assert described([np.zeros((2, 3))]).text == "[<numpy.ndarray 2x3 float64>]"


class Tensor:
    """What stands for a tensor of torch: reading values on a GPU is recorded."""

    requires_grad = True
    is_quantized = False
    layout = "torch.strided"

    def __init__(self, values: Any, device: str = "cpu", dtype: str = "torch.float32") -> None:
        self.values = np.asarray(values)
        self.device = device
        self.dtype = dtype
        self.copied = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def dim(self) -> int:
        return self.values.ndim

    def numel(self) -> int:
        return self.values.size

    def detach(self) -> Tensor:
        return self

    def numpy(self) -> Any:
        if self.device != "cpu":
            raise TypeError("on a GPU")
        if self.dtype == "torch.bfloat16":
            raise TypeError("unsupported ScalarType BFloat16")
        return self.values

    def float(self) -> Tensor:
        return Tensor(self.values.astype(np.float32))

    def cpu(self) -> Tensor:
        self.copied += self.values.size
        return Tensor(self.values)

    def __getitem__(self, key: Any) -> Tensor:
        part = Tensor(self.values[key], self.device, self.dtype)
        part.cpu = self._counted(part)  # type: ignore[method-assign]  # counts at the whole
        return part

    def _counted(self, part: Tensor) -> Any:
        def cpu() -> Tensor:
            self.copied += part.values.size
            return Tensor(part.values)

        return cpu

    def __repr__(self) -> str:
        raise AssertionError


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a torch in place that has only the class."""
    place = types.ModuleType("torch")
    place.Tensor = Tensor  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setattr(Tensor, "__module__", "torch")
    monkeypatch.setitem(sys.modules, "torch", place)


def test_tensors() -> None:
    """A tensor in main memory is read where it lies."""
    text = described(Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))).text
    assert "torch.Tensor, shape (2, 3), dtype float32, requires grad" in text
    assert "[3., 4., 5.]]" in text
    text = described(Tensor(np.arange(5_000, dtype=np.float32))).text
    assert "range 0 to 4999, 0 NaN" in text


def test_tensors_that_numpy_lacks() -> None:
    """A type that NumPy has not is told by its own name."""
    text = described(Tensor(np.ones(3), dtype="torch.bfloat16")).text
    assert "torch.bfloat16" in text
    assert "[1., 1., 1.]" in text


@pytest.mark.parametrize("device", ["cuda:0", "mps", "meta", "xpu"])
def test_tensors_elsewhere(device: str) -> None:
    """Values on a GPU are not copied from there."""
    tensor = Tensor(np.zeros((10, 4)), device)
    found = described(tensor)
    assert f"on {device}" in found.text
    assert "not copied" in found.text
    assert "not read" not in described([tensor]).text
    assert tensor.copied == 0


def test_tensors_elsewhere_on_request() -> None:
    """With `head=N` only those rows are copied from a GPU."""
    tensor = Tensor(np.arange(40.0).reshape(10, 4), "cuda:0")
    text = described(tensor, "head=2").text
    assert "[4., 5., 6., 7.]" in text
    assert "8." not in text
    assert tensor.copied == 8


@pytest.mark.parametrize(
    ("name", "value"), [("layout", "torch.sparse_coo"), ("is_quantized", True)]
)
def test_odd_tensors(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    """Sparse and quantized tensors are told by shape and type."""
    monkeypatch.setattr(Tensor, name, value)
    assert "its values were not read" in described(Tensor(np.zeros((3, 4)))).text


class Device:
    """A device of JAX."""

    def __init__(self, platform: str) -> None:
        self.platform = platform


class JaxArray:
    """What stands for an array of JAX."""

    def __init__(self, values: Any, platform: str = "cpu", *, ready: bool = True) -> None:
        self.values = np.asarray(values)
        self.platform = platform
        self.ready = ready
        self.shape, self.dtype, self.ndim = self.values.shape, self.values.dtype, self.values.ndim

    def devices(self) -> set[Device]:
        return {Device(self.platform)}

    def is_deleted(self) -> bool:
        return False

    def is_ready(self) -> bool:
        return self.ready

    @property
    def size(self) -> int:
        return self.values.size

    def __getitem__(self, key: Any) -> JaxArray:
        return JaxArray(self.values[key], self.platform)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        assert self.ready
        assert self.platform == "cpu" or self.values.size <= 8
        return self.values

    def __repr__(self) -> str:
        raise AssertionError


@pytest.fixture
def jax(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a JAX in place that has only the class."""
    place = types.ModuleType("jax")
    place.Array = JaxArray  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "jax", place)


@pytest.mark.usefixtures("jax")
def test_jax() -> None:
    """An array of JAX in main memory is read; elsewhere or unfinished it is not."""
    assert "[0, 1, 2]" in described(JaxArray(np.arange(3))).text
    assert "not copied from there" in described(JaxArray(np.zeros(500), "gpu")).text
    assert "still computed" in described(JaxArray(np.zeros(500), ready=False)).text
    assert "[0., 0., 0.]" in described(JaxArray(np.zeros(3), "gpu"), "full").text
    text = described(JaxArray(np.arange(40).reshape(10, 4), "gpu"), "head=2").text
    assert "the first rows of 40 elements" in text
    assert "[4, 5, 6, 7]" in text


def test_real_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors of the real torch are read where they lie; what has no elements to read is named."""
    monkeypatch.undo()
    torch: Any = pytest.importorskip("torch")
    text = described(torch.arange(6, dtype=torch.float32).reshape(2, 3)).text
    assert "torch.Tensor, shape (2, 3), dtype float32:\n[[0., 1., 2.]," in text
    assert "requires grad" in described(torch.nn.Parameter(torch.ones(2))).text
    assert "torch.bfloat16" in described(torch.ones(3, dtype=torch.bfloat16)).text
    assert "its values were not" in described(torch.zeros(3, device="meta")).text
    assert "its values were not read" in described(torch.eye(3).to_sparse()).text
    assert described([torch.zeros(2, 3)]).text == "[<torch.Tensor 2x3 torch.float32>]"
    torch.set_printoptions(precision=1, sci_mode=True)
    try:
        assert "[0.123457]" in described(torch.tensor([0.123456789])).text
    finally:
        torch.set_printoptions(profile="default")


def test_real_jax() -> None:
    """An array of the real JAX is read."""
    jax: Any = pytest.importorskip("jax")
    text = described(jax.numpy.arange(6.0).reshape(2, 3)).text
    assert "jax.Array, shape (2, 3), dtype float32" in text
    assert "[3., 4., 5.]]" in text
