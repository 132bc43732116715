from itertools import islice, pairwise

import numpy as np
import pytest

from pipeline.model import newton
from pipeline.model.features import Inputs
from pipeline.model.newton import Loss, Step, descend


def made(n: int, k: int, *, l2: float = 1.0, noise: float = 1.0, seed: int = 0) -> Loss:
    """Draw rows of k numbers that share a factor, and of a column of three levels and one without."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, 1))
    dense = factor + noise * rng.normal(size=(n, k))
    codes = rng.integers(-1, 3, n)
    target = (2 * factor[:, 0] + codes > rng.logistic(size=n)).astype(np.float64)
    return Loss(Inputs(dense, (codes,), (3,)), target, l2)


def steps(loss: Loss, most: int = 40) -> list[Step]:
    """Go down until the gradient is gone."""
    gone = []
    for step in islice(descend(loss, np.random.default_rng(0)), most):
        gone.append(step)
        if step.gradient_norm <= 1e-6:
            break
    return gone


def test_products_are_those_of_the_matrix() -> None:
    inputs = made(50, 4).inputs
    matrix, rng = inputs.matrix(), np.random.default_rng(1)
    assert matrix.shape == (inputs.n_rows, inputs.width) == (50, 7)
    w, v = rng.normal(size=7), rng.normal(size=50)
    np.testing.assert_allclose(inputs.dot(w), matrix @ w)
    np.testing.assert_allclose(inputs.transposed_dot(v), matrix.T @ v)
    np.testing.assert_allclose(inputs.squared().matrix(), matrix**2)
    np.testing.assert_array_equal(inputs.matrix(np.array([3, 1])), matrix[[3, 1]])


def test_the_gradient_and_the_second_derivatives_are_those_of_the_loss() -> None:
    loss, rng = made(60, 3, l2=0.7), np.random.default_rng(1)
    at, direction, h = rng.normal(size=7), rng.normal(size=7), 1e-5
    values = [loss.value(one, loss.logits(one)) for one in (at + h * direction, at - h * direction)]
    gradients = [loss.gradient(one, loss.logits(one)) for one in (at + h * direction, at - h * direction)]
    assert (values[0] - values[1]) / (2 * h) == pytest.approx(loss.gradient(at, loss.logits(at)) @ direction, rel=1e-6)
    p = 1 / (1 + np.exp(-loss.logits(at)))
    expected = (gradients[0] - gradients[1]) / (2 * h)
    np.testing.assert_allclose(loss.curved(direction, p * (1 - p)), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("n", "k", "noise"),
    [(100, 3, 1.0), (400, 8, 0.01), (100, 300, 1.0), (20_000, 5, 0.1), (300, 600, 1.0), (300, 600, 0.05)],
    ids=["small", "correlated", "wider than long", "long", "many outputs", "many that are correlated"],
)
def test_few_steps_lead_to_the_optimum_whatever_the_shape(n: int, k: int, noise: float) -> None:
    loss = made(n, k, noise=noise)
    gone = steps(loss)
    assert len(gone) <= 12
    assert gone[-1].gradient_norm <= 1e-6
    parameters = np.append(gone[-1].weights, gone[-1].bias)
    gradient = loss.gradient(parameters, loss.logits(parameters))
    start = np.zeros_like(parameters)
    first = loss.gradient(start, loss.logits(start))
    assert np.linalg.norm(gradient) <= 1.01e-6 * np.linalg.norm(first)
    np.testing.assert_allclose(gone[-1].logits, loss.logits(parameters), atol=1e-9)


def test_a_preparation_by_some_of_the_rows_leads_to_the_same_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = made(1000, 4)
    whole = steps(loss)[-1]
    monkeypatch.setattr(newton, "LEAST_ROWS", 30)
    part = steps(loss)[-1]
    monkeypatch.setattr(newton, "WIDEST", 2)
    alone = steps(loss)[-1]
    for other in (part, alone):
        np.testing.assert_allclose(other.weights, whole.weights, atol=1e-4)
        assert other.weights.tolist() != whole.weights.tolist()


def test_each_step_is_lower_than_the_one_before_even_from_far_away() -> None:
    rows = np.array([[-40.0], [-1.0], [1.0], [60.0]])
    loss = Loss(Inputs(rows, (), ()), np.array([1.0, 0.0, 1.0, 0.0]), 1e-6)
    gone = steps(loss)
    values = [loss.value(np.append(step.weights, step.bias), step.logits) for step in gone]
    assert all(later <= earlier for earlier, later in pairwise(values))
    assert gone[-1].gradient_norm <= 1e-6


def test_classes_that_a_line_parts_and_no_penalty_stay_finite() -> None:
    loss = Loss(Inputs(np.array([[-1.0], [1.0]]), (), ()), np.array([0.0, 1.0]), 0.0)
    gone = steps(loss, most=100)
    assert gone[-1].gradient_norm <= 1e-6
    assert np.isfinite(gone[-1].weights).all()


def test_rows_that_say_nothing_are_at_their_optimum_at_once() -> None:
    loss = Loss(Inputs(np.zeros((4, 2)), (), ()), np.array([0.0, 1.0, 0.0, 1.0]), 1.0)
    (step,) = steps(loss)
    assert (step.weights.tolist(), step.bias, step.gradient_norm) == ([0, 0], 0, 0)


def test_where_no_step_is_lower_it_stays_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Loss, "value", lambda _, parameters, __: float(np.abs(parameters).sum()))  # least at the start
    loss = Loss(Inputs(np.array([[-1.0], [1.0]]), (), ()), np.array([0.0, 1.0]), 1.0)
    step = next(descend(loss, np.random.default_rng(1)))
    assert (step.weights.tolist(), step.bias, step.step_size) == ([0], 0, 0)
