#include "privacy/matching.h"

#include <Eigen/Dense>
#include <cmath>

namespace cloister::privacy {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Doubles = Eigen::MatrixXd;
using networks::FloatTensor;

// One row a cell, one column a channel.
Matrix cells_of(const FloatTensor& codes) {
  const Eigen::Index channels = codes.shape[1];
  const Eigen::Index area = codes.shape[2] * codes.shape[3];
  Matrix cells(codes.shape[0] * area, channels);
  for (Eigen::Index n = 0; n < codes.shape[0]; ++n) {
    for (Eigen::Index c = 0; c < channels; ++c) {
      const float* from = codes.data.data() + (n * channels + c) * area;
      for (Eigen::Index i = 0; i < area; ++i) cells(n * area + i, c) = from[i];
    }
  }
  return cells;
}

FloatTensor codes_of(const Matrix& cells, const FloatTensor& like) {
  const Eigen::Index channels = cells.cols();
  const Eigen::Index area = like.shape[2] * like.shape[3];
  FloatTensor codes{{like.shape[0], channels, like.shape[2], like.shape[3]},
                    std::vector<float>(static_cast<std::size_t>(cells.size()))};
  for (Eigen::Index n = 0; n < like.shape[0]; ++n) {
    for (Eigen::Index c = 0; c < channels; ++c) {
      float* to = codes.data.data() + (n * channels + c) * area;
      for (Eigen::Index i = 0; i < area; ++i) to[i] = cells(n * area + i, c);
    }
  }
  return codes;
}

// Principal axes, the largest first, signed so that the third moment along each is positive.
struct Axes {
  Eigen::VectorXd mean, deviation;
  Doubles directions;  // [C, C], columns
};

Axes axes_of(const Matrix& cells) {
  const Doubles values = cells.cast<double>();
  Axes axes;
  axes.mean = values.colwise().mean();
  const Doubles centred = values.rowwise() - axes.mean.transpose();
  const Doubles covariance = centred.transpose() * centred / static_cast<double>(values.rows());
  const Eigen::SelfAdjointEigenSolver<Doubles> solver(covariance);
  axes.directions = solver.eigenvectors().rowwise().reverse();
  axes.deviation = solver.eigenvalues().reverse().cwiseMax(0).cwiseSqrt();
  const Doubles along = centred * axes.directions;
  for (Eigen::Index i = 0; i < axes.directions.cols(); ++i) {
    if (along.col(i).array().cube().sum() < 0) axes.directions.col(i) *= -1;
  }
  return axes;
}

bool same_grid(const FloatTensor& a, const FloatTensor& b) {
  return a.shape.size() == 4 && b.shape.size() == 4 && a.shape[2] == b.shape[2] &&
         a.shape[3] == b.shape[3] && a.shape[0] > 0 && b.shape[0] > 0;
}

tl::unexpected<Error> bad_shapes() {
  return fail(Kind::invalid, "privacy.shapes",
              "The attacker's codes and the codes under attack do not have one grid.");
}

}  // namespace

Result<FloatTensor> covariance_match(const FloatTensor& codes, const FloatTensor& known) {
  if (!same_grid(codes, known)) return bad_shapes();
  const Axes from = axes_of(cells_of(codes));
  const Axes to = axes_of(cells_of(known));
  const Eigen::Index shared = std::min(from.deviation.size(), to.deviation.size());
  Doubles scaled = (cells_of(codes).cast<double>().rowwise() - from.mean.transpose()) *
                   from.directions.leftCols(shared);
  for (Eigen::Index i = 0; i < shared; ++i) {
    const double deviation = from.deviation(i);
    scaled.col(i) *= deviation > 1e-6 ? to.deviation(i) / deviation : 0.0;
  }
  const Doubles moved =
      (scaled * to.directions.leftCols(shared).transpose()).rowwise() + to.mean.transpose();
  return codes_of(moved.cast<float>(), codes);
}

Result<FloatTensor> affine_match(const CodePairsLeaked& pairs, const FloatTensor& codes) {
  if (!same_grid(pairs.leaked_codes, pairs.own_codes) || !same_grid(codes, pairs.own_codes) ||
      pairs.leaked_codes.shape[0] != pairs.own_codes.shape[0] ||
      pairs.leaked_codes.shape[1] != codes.shape[1]) {
    return bad_shapes();
  }
  const auto with_one = [](const Matrix& cells) {
    Matrix out(cells.rows(), cells.cols() + 1);
    out << cells, Matrix::Ones(cells.rows(), 1);
    return out;
  };
  const Matrix x = with_one(cells_of(pairs.leaked_codes));
  const Matrix y = cells_of(pairs.own_codes);
  Matrix gram = x.transpose() * x;
  gram.diagonal().array() += 1e-2F * x.squaredNorm() / static_cast<float>(x.cols());
  const Matrix weights = gram.ldlt().solve(x.transpose() * y);
  return codes_of(with_one(cells_of(codes)) * weights, codes);
}

}  // namespace cloister::privacy
