#include "privacy/linear_attack.h"

#include <Eigen/Dense>

namespace cloister::privacy {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using networks::FloatTensor;

constexpr std::int64_t neighbourhood_from_pairs = 16;

struct Grid {
  Eigen::Index channels, height, width;
  [[nodiscard]] Eigen::Index cells() const { return height * width; }
};

Grid grid_of(const FloatTensor& codes) { return {codes.shape[1], codes.shape[2], codes.shape[3]}; }

// One row for each cell of each code: the channels of the cell (and of its neighbours), then 1.
Matrix features_of(const FloatTensor& codes, bool neighbourhood) {
  const Grid grid = grid_of(codes);
  const int reach = neighbourhood ? 1 : 0;
  const Eigen::Index around = (2 * reach + 1) * (2 * reach + 1);
  Matrix features = Matrix::Zero(codes.shape[0] * grid.cells(), grid.channels * around + 1);
  for (Eigen::Index row = 0; row < features.rows(); ++row) {
    const Eigen::Index n = row / grid.cells();
    const Eigen::Index y = row % grid.cells() / grid.width;
    const Eigen::Index x = row % grid.width;
    Eigen::Index column = 0;
    for (Eigen::Index dy = -reach; dy <= reach; ++dy) {
      for (Eigen::Index dx = -reach; dx <= reach; ++dx, column += grid.channels) {
        if (y + dy < 0 || y + dy >= grid.height || x + dx < 0 || x + dx >= grid.width) continue;
        const float* cell =
            codes.data.data() + n * grid.channels * grid.cells() + (y + dy) * grid.width + x + dx;
        for (Eigen::Index c = 0; c < grid.channels; ++c) {
          features(row, column + c) = cell[c * grid.cells()];
        }
      }
    }
    features(row, features.cols() - 1) = 1.0F;
  }
  return features;
}

// Rows as in features_of; columns are the pixels of the block under the cell.
Matrix blocks_of(const FloatTensor& images, const Grid& grid) {
  const Eigen::Index height = images.shape[2];
  const Eigen::Index width = images.shape[3];
  const Eigen::Index block_y = height / grid.height;
  const Eigen::Index block_x = width / grid.width;
  Matrix blocks(images.shape[0] * grid.cells(), block_y * block_x);
  for (Eigen::Index row = 0; row < blocks.rows(); ++row) {
    const Eigen::Index n = row / grid.cells();
    const Eigen::Index top = row % grid.cells() / grid.width * block_y;
    const Eigen::Index left = row % grid.width * block_x;
    for (Eigen::Index p = 0; p < blocks.cols(); ++p) {
      const Eigen::Index y = top + p / block_x;
      const Eigen::Index x = left + p % block_x;
      blocks(row, p) = images.data[static_cast<std::size_t>((n * height + y) * width + x)];
    }
  }
  return blocks;
}

FloatTensor images_of(const Matrix& blocks, const Grid& grid, Eigen::Index height,
                      Eigen::Index width) {
  const Eigen::Index n_images = blocks.rows() / grid.cells();
  const Eigen::Index block_y = height / grid.height;
  const Eigen::Index block_x = width / grid.width;
  FloatTensor images{{n_images, 1, height, width},
                     std::vector<float>(static_cast<std::size_t>(n_images * height * width))};
  for (Eigen::Index row = 0; row < blocks.rows(); ++row) {
    const Eigen::Index n = row / grid.cells();
    const Eigen::Index top = row % grid.cells() / grid.width * block_y;
    const Eigen::Index left = row % grid.width * block_x;
    for (Eigen::Index p = 0; p < blocks.cols(); ++p) {
      const Eigen::Index y = top + p / block_x;
      const Eigen::Index x = left + p % block_x;
      images.data[static_cast<std::size_t>((n * height + y) * width + x)] = blocks(row, p);
    }
  }
  return images;
}

// argmin |X W - Y|^2 + ridge |W|^2, through whichever of the two normal equations is smaller.
Matrix ridge_solution(const Matrix& x, const Matrix& y) {
  const float ridge = 1e-2F * x.squaredNorm() / static_cast<float>(x.cols());
  if (x.rows() < x.cols()) {
    Matrix gram = x * x.transpose();
    gram.diagonal().array() += ridge;
    return x.transpose() * gram.ldlt().solve(y);
  }
  Matrix gram = x.transpose() * x;
  gram.diagonal().array() += ridge;
  return gram.ldlt().solve(x.transpose() * y);
}

}  // namespace

Result<FloatTensor> linear_attack(const LeakedPairs& pairs, const FloatTensor& codes) {
  const bool shaped = pairs.images.shape.size() == 4 && pairs.codes.shape.size() == 4 &&
                      codes.shape.size() == 4 && pairs.images.shape[0] == pairs.codes.shape[0] &&
                      pairs.codes.shape[1] == codes.shape[1] &&
                      pairs.codes.shape[2] == codes.shape[2] &&
                      pairs.codes.shape[3] == codes.shape[3] && pairs.codes.shape[0] > 0;
  if (!shaped) {
    return fail(Kind::invalid, "privacy.shapes",
                "The leaked pairs and the codes under attack do not have one shape.");
  }
  const Grid grid = grid_of(codes);
  const bool neighbourhood = pairs.codes.shape[0] >= neighbourhood_from_pairs;
  const Matrix weights =
      ridge_solution(features_of(pairs.codes, neighbourhood), blocks_of(pairs.images, grid));
  return images_of(features_of(codes, neighbourhood) * weights, grid, pairs.images.shape[2],
                   pairs.images.shape[3]);
}

}  // namespace cloister::privacy
