"""Every test runs in double precision, with strict dtype promotion, on two devices, and draws to files only."""

import gc
import os
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
# Two test processes on two cores: decompositions with threads of their own wait for each other, a hundred times longer.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# A test compiles a program and runs it for a moment: without optimisations compiling takes a quarter of the time.
FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
if version("jax").startswith("0.10."):  # later compilers do not know these, and end the process at unknown flags
    FLAGS += " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
os.environ.setdefault("XLA_FLAGS", FLAGS)
# Traced programs are full of cycles, and live long: looking for garbage less often saves a twentieth.
gc.set_threshold(50_000, 20, 50)

import jax  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_num_cpu_devices", 2)


MOST_MAPPINGS = 30_000


@pytest.fixture(autouse=True, scope="module")
def _room_for_programs():
    """Every compiled program keeps pages mapped, and Linux lets a process have 65 530 mappings, then kills it."""
    mappings = Path("/proc/self/maps")
    if mappings.exists() and mappings.read_bytes().count(b"\n") > MOST_MAPPINGS:
        jax.clear_caches()
