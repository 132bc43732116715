"""The weights of a logistic regression: damped Newton steps, each solved by conjugate gradients.

The loss is convex, so that its gradient says how far from the optimum one is. A step needs products with the rows, and
no matrix of second derivatives; one that is estimated from some of the rows makes the conjugate gradients end after a
few products, however the columns are correlated.

References
----------
C.-J. Lin, R. C. Weng, S. S. Keerthi. Trust region Newton method for large-scale logistic regression. JMLR 9, 2008.
S. C. Eisenstat, H. F. Walker. Choosing the forcing terms in an inexact Newton method. SIAM J. Sci. Comput. 17, 1996.
J. Nocedal, S. J. Wright. Numerical Optimization. 2nd edition, 2006; chapters 5 to 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.model.logistic import sigmoid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from pipeline.model.features import Inputs

    Vector = NDArray[np.float64]

WIDEST = 500  # outputs up to which second derivatives are estimated whole; of more, each output's own alone
ROWS_AN_OUTPUT = 10  # rows that they are estimated from
LEAST_ROWS = 2000
MOST_PRODUCTS = 250  # in a step
SUFFICIENT = 1e-4  # of the decrease that the slope promises

_HALVINGS = 40


class Step(NamedTuple):
    """A step's end.

    Attributes
    ----------
    weights : np.ndarray
        (k,).
    bias : float
        The logit of a row whose inputs are all zero.
    logits : np.ndarray
        (n,), of the rows.
    gradient_norm : float
        The length of the gradient there, as a part of that at weights and bias of zero.
    step_size : float
        The part of Newton's step that was taken, in (0, 1]; 0 where rounding leaves nothing to gain.
    """

    weights: Vector
    bias: float
    logits: Vector
    gradient_norm: float
    step_size: float


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """The summed log loss of rows in nats, and `l2` / 2 times the squared length of the weights, not the bias.

    Parameters are the k weights and, last, the bias.
    """

    inputs: Inputs
    target: Vector
    l2: float

    @property
    def penalty(self) -> Vector:
        """Twice the factor of each parameter's square in the loss."""
        return np.append(np.full(self.inputs.width, self.l2), 0.0)

    def logits(self, parameters: Vector) -> Vector:
        """Return the rows' logits, or how they change along a direction."""
        return self.inputs.dot(parameters[:-1]) + float(parameters[-1])

    def value(self, parameters: Vector, logits: Vector) -> float:
        """Return the loss."""
        losses = np.logaddexp(0.0, np.where(self.target == 1, -logits, logits))
        return float(losses.sum() + 0.5 * (self.penalty * parameters**2).sum())

    def gradient(self, parameters: Vector, logits: Vector) -> Vector:
        """Return the gradient."""
        return self._summed(sigmoid(logits) - self.target) + self.penalty * parameters

    def curved(self, direction: Vector, curvature: Vector) -> Vector:
        """Return the matrix of second derivatives times a direction; `curvature` is each row's p (1 - p)."""
        return self._summed(curvature * self.logits(direction)) + self.penalty * direction

    def _summed(self, weights: Vector) -> Vector:
        return np.append(self.inputs.transposed_dot(weights), weights.sum())


def descend(loss: Loss, rng: np.random.Generator) -> Iterator[Step]:
    """Yield one step after another towards the optimum, for ever; none raises the loss by more than rounding."""
    parameters = np.zeros(loss.inputs.width + 1)
    logits = loss.logits(parameters)
    gradient = loss.gradient(parameters, logits)
    scale = float(np.linalg.norm(gradient)) or 1.0
    sample = _sample_rows(loss.inputs.n_rows, loss.inputs.width, rng)
    relative = 1.0
    while True:
        p = sigmoid(logits)
        curvature = p * (1 - p)
        solve = _preconditioner(loss, curvature, sample)
        direction = _conjugate_gradients(loss, curvature, -gradient, solve, tolerance=min(0.1, relative**0.5))
        step_size, parameters, logits = _line_search(loss, parameters, logits, direction, gradient)
        gradient = loss.gradient(parameters, logits)
        relative = float(np.linalg.norm(gradient)) / scale
        yield Step(parameters[:-1].copy(), float(parameters[-1]), logits, relative, step_size)


def _sample_rows(n_rows: int, width: int, rng: np.random.Generator) -> NDArray[np.intp] | slice:
    count = max(LEAST_ROWS, ROWS_AN_OUTPUT * width)
    return slice(None) if n_rows <= count else np.sort(rng.choice(n_rows, count, replace=False))


def _preconditioner(loss: Loss, curvature: Vector, sample: NDArray[np.intp] | slice) -> Callable[[Vector], Vector]:
    """Return a function that divides by the second derivatives of sampled rows, or, of many outputs, their diagonal."""
    if loss.inputs.width > WIDEST:
        diagonal = np.append(loss.inputs.squared().transposed_dot(curvature), curvature.sum()) + loss.penalty
        return lambda vector: vector / np.maximum(diagonal, np.finfo(np.float64).tiny)
    rows, sample_curvature = loss.inputs.matrix(sample), curvature[sample]
    rows = np.hstack([rows, np.ones((len(rows), 1))]) * np.sqrt(sample_curvature)[:, np.newaxis]
    second = rows.T @ rows * (len(curvature) / len(rows)) + np.diag(loss.penalty)
    second += np.eye(len(second)) * (1e-10 * second.trace() / len(second) + np.finfo(np.float64).tiny)
    inverse = np.linalg.inv(second)
    return lambda vector: inverse @ vector


def _conjugate_gradients(
    loss: Loss, curvature: Vector, target: Vector, solve: Callable[[Vector], Vector], tolerance: float
) -> Vector:
    """Return a direction whose product with the second derivatives is `target`, but for a part of `tolerance`."""
    found, rest = np.zeros_like(target), target
    scaled = solve(rest)
    direction, slope = scaled, float(rest @ scaled)
    least = tolerance * float(np.linalg.norm(target))
    for _ in range(MOST_PRODUCTS):
        product = loss.curved(direction, curvature)
        bend = float(direction @ product)
        if not bend > 0:  # flat to the last bit
            break
        found = found + (slope / bend) * direction
        rest = rest - (slope / bend) * product
        if np.linalg.norm(rest) <= least:
            break
        scaled = solve(rest)
        before, slope = slope, float(rest @ scaled)
        direction = scaled + (slope / before) * direction
    return found


def _line_search(
    loss: Loss, parameters: Vector, logits: Vector, direction: Vector, gradient: Vector
) -> tuple[float, Vector, Vector]:
    """Halve the step until the loss falls by enough; stay where rounding leaves nothing to fall by."""
    change = loss.logits(direction)
    value, slope = loss.value(parameters, logits), float(gradient @ direction)
    size = 1.0
    for _ in range(_HALVINGS):
        there, logits_there = parameters + size * direction, logits + size * change
        if loss.value(there, logits_there) <= value + SUFFICIENT * size * slope + abs(value) * 1e-15:
            return size, there, logits_there
        size /= 2
    return 0.0, parameters, logits
