#include "imaging/overlay.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/ensure.h"

namespace cloister::imaging {
namespace {

using Colour = std::array<std::uint8_t, 3>;

// Okabe and Ito's palette: told apart by colour-blind readers.
constexpr std::array<Colour, 6> class_colours{
    {{230, 159, 0}, {86, 180, 233}, {0, 190, 130}, {240, 228, 66}, {213, 94, 0}, {204, 121, 167}}};

struct Canvas {
  std::size_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;

  Canvas(std::size_t w, std::size_t h) : width(w), height(h), rgb(w * h * 3, 0) {}
  void set(std::size_t x, std::size_t y, const Colour& colour) {
    std::copy(colour.begin(), colour.end(),
              rgb.begin() + static_cast<std::ptrdiff_t>(3 * (y * width + x)));
  }
};

Result<Bytes> encode_png(const Canvas& canvas) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(canvas.width);
  image.height = static_cast<png_uint_32>(canvas.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  Bytes bytes(size);
  const int ok =
      png_image_write_to_memory(&image, bytes.data(), &size, 0, canvas.rgb.data(), 0, nullptr);
  png_image_free(&image);
  if (ok == 0) {
    return fail(Kind::exhausted, "image.png_failed", "A picture could not be encoded.",
                "Raise the worker's memory limit.");
  }
  bytes.resize(size);
  return bytes;
}

// The slice as a picture: which axes run right and down, and the window of it that is shown, in mm.
struct View {
  std::array<std::size_t, 3> axis{0, 1, 2};
  std::array<double, 2> spacing{1, 1};
  std::array<std::size_t, 2> length{0, 0};
  std::array<double, 2> low{0, 0}, high{0, 0};
  std::size_t slice = 0;

  [[nodiscard]] std::size_t index(const Geometry& geometry, std::size_t u, std::size_t v) const {
    std::array<std::size_t, 3> at{};
    at[axis[0]] = u;
    at[axis[1]] = v;
    at[axis[2]] = slice;
    return at[0] + geometry.size.x * (at[1] + geometry.size.y * at[2]);
  }
};

std::array<std::size_t, 3> lengths(const Geometry& geometry) {
  return {geometry.size.x, geometry.size.y, geometry.size.z};
}

View make_view(const Geometry& geometry, std::size_t slice) {
  View view;
  const int across = slice_axis(geometry);
  if (across == 0) view.axis = {1, 2, 0};
  if (across == 1) view.axis = {0, 2, 1};
  const auto size = lengths(geometry);
  for (std::size_t i = 0; i < 2; ++i) {
    view.spacing[i] = geometry.spacing_mm[view.axis[i]];
    view.length[i] = size[view.axis[i]];
    view.high[i] = view.spacing[i] * static_cast<double>(view.length[i] - 1);
  }
  view.slice = std::min(slice, size[view.axis[2]] - 1);
  return view;
}

void zoom_to(View& view, const std::vector<const Mask*>& masks, double margin_mm) {
  std::array<double, 2> low{1e9, 1e9}, high{-1, -1};
  for (const Mask* mask : masks) {
    for (std::size_t v = 0; v < view.length[1]; ++v) {
      for (std::size_t u = 0; u < view.length[0]; ++u) {
        if (mask->labels[view.index(mask->geometry, u, v)] == 0) continue;
        const std::array<double, 2> at{static_cast<double>(u) * view.spacing[0],
                                       static_cast<double>(v) * view.spacing[1]};
        for (std::size_t i = 0; i < 2; ++i) {
          low[i] = std::min(low[i], at[i]);
          high[i] = std::max(high[i], at[i]);
        }
      }
    }
  }
  if (high[0] < 0) return;
  for (std::size_t i = 0; i < 2; ++i) {
    view.low[i] = std::max(view.low[i], low[i] - margin_mm);
    view.high[i] = std::min(view.high[i], high[i] + margin_mm);
  }
}

// Grey values over the 1st to 99th percentile of the slice.
struct Window {
  float low = 0, high = 1;
  [[nodiscard]] std::uint8_t grey(double value) const {
    return static_cast<std::uint8_t>(std::clamp(255.0 * (value - low) / (high - low), 0.0, 255.0));
  }
};

Window window_of(std::vector<float> values) {
  const auto n = static_cast<std::ptrdiff_t>(values.size());
  std::sort(values.begin(), values.end());
  Window window{values[static_cast<std::size_t>(n / 100)],
                values[static_cast<std::size_t>(n - 1 - n / 100)]};
  if (!(window.high > window.low)) window.high = window.low + 1;
  return window;
}

struct Panel {
  std::size_t width = 0, height = 0;
  std::vector<double> u, v;  // voxel coordinates by column and row
};

Panel lay_out(const View& view, std::size_t height) {
  const double mm_high = std::max(1.0, view.high[1] - view.low[1]);
  const double mm_wide = std::max(1.0, view.high[0] - view.low[0]);
  Panel panel;
  panel.height = std::clamp<std::size_t>(height, 32, 2048);
  const double step = mm_high / static_cast<double>(panel.height);
  panel.width = std::clamp<std::size_t>(static_cast<std::size_t>(mm_wide / step), 16, 4096);
  for (std::size_t x = 0; x < panel.width; ++x) {
    panel.u.push_back((view.low[0] + (static_cast<double>(x) + 0.5) * step) / view.spacing[0]);
  }
  for (std::size_t y = 0; y < panel.height; ++y) {
    panel.v.push_back((view.low[1] + (static_cast<double>(y) + 0.5) * step) / view.spacing[1]);
  }
  return panel;
}

double sample(const Volume& volume, const View& view, double u, double v) {
  const double cu = std::clamp(u, 0.0, static_cast<double>(view.length[0] - 1));
  const double cv = std::clamp(v, 0.0, static_cast<double>(view.length[1] - 1));
  const auto u0 = static_cast<std::size_t>(cu);
  const auto v0 = static_cast<std::size_t>(cv);
  const std::size_t u1 = std::min(u0 + 1, view.length[0] - 1);
  const std::size_t v1 = std::min(v0 + 1, view.length[1] - 1);
  const double fu = cu - static_cast<double>(u0);
  const double fv = cv - static_cast<double>(v0);
  const auto at = [&](std::size_t i, std::size_t j) {
    return static_cast<double>(volume.voxels[view.index(volume.geometry, i, j)]);
  };
  return (1 - fv) * ((1 - fu) * at(u0, v0) + fu * at(u1, v0)) +
         fv * ((1 - fu) * at(u0, v1) + fu * at(u1, v1));
}

std::vector<std::uint8_t> labels_on(const Panel& panel, const View& view, const Mask& mask) {
  std::vector<std::uint8_t> labels(panel.width * panel.height);
  const auto nearest = [](double at, std::size_t length) {
    return static_cast<std::size_t>(
        std::clamp(std::round(at), 0.0, static_cast<double>(length - 1)));
  };
  for (std::size_t y = 0; y < panel.height; ++y) {
    for (std::size_t x = 0; x < panel.width; ++x) {
      labels[y * panel.width + x] = mask.labels[view.index(
          mask.geometry, nearest(panel.u[x], view.length[0]), nearest(panel.v[y], view.length[1]))];
    }
  }
  return labels;
}

void draw_contours(Canvas& canvas, std::size_t left, const Panel& panel,
                   const std::vector<std::uint8_t>& labels) {
  for (std::size_t y = 1; y + 1 < panel.height; ++y) {
    for (std::size_t x = 1; x + 1 < panel.width; ++x) {
      const std::size_t i = y * panel.width + x;
      const std::uint8_t label = labels[i];
      if (label == 0) continue;
      const bool inside = labels[i - 1] == label && labels[i + 1] == label &&
                          labels[i - panel.width] == label && labels[i + panel.width] == label;
      if (inside) continue;
      const Colour& colour = class_colours[(label - 1U) % class_colours.size()];
      canvas.set(left + x, y, colour);
      canvas.set(left + x - 1, y, colour);
      canvas.set(left + x, y - 1, colour);
    }
  }
}

Result<Bytes> render(const Volume& image, const std::vector<const Mask*>& masks,
                     const OverlayOptions& options) {
  for (const Mask* mask : masks) {
    if (auto same = same_space(image.geometry, mask->geometry); !same) return pass(same);
  }
  View view = make_view(image.geometry, options.slice);
  std::vector<float> slice;
  for (std::size_t v = 0; v < view.length[1]; ++v) {
    for (std::size_t u = 0; u < view.length[0]; ++u) {
      slice.push_back(image.voxels[view.index(image.geometry, u, v)]);
    }
  }
  const Window window = window_of(std::move(slice));
  zoom_to(view, masks, options.margin_mm);
  const Panel panel = lay_out(view, options.panel_pixels);
  constexpr std::size_t gap = 4;
  const std::size_t panels = masks.size() + 1;
  Canvas canvas(panels * panel.width + (panels - 1) * gap, panel.height);
  for (std::size_t p = 0; p < panels; ++p) {
    const std::size_t left = p * (panel.width + gap);
    for (std::size_t y = 0; y < panel.height; ++y) {
      for (std::size_t x = 0; x < panel.width; ++x) {
        const auto g = window.grey(sample(image, view, panel.u[x], panel.v[y]));
        canvas.set(left + x, y, {g, g, g});
      }
    }
    if (p > 0) draw_contours(canvas, left, panel, labels_on(panel, view, *masks[p - 1]));
  }
  return encode_png(canvas);
}

}  // namespace

Result<Bytes> render_overlay(const Volume& image, const Mask& truth, const Mask& predicted,
                             const OverlayOptions& options) {
  return render(image, {&truth, &predicted}, options);
}

Result<Bytes> render_overlay(const Volume& image, const Mask& mask, const OverlayOptions& options) {
  return render(image, {&mask}, options);
}

std::size_t busiest_slice(const Mask& mask) {
  const View view = make_view(mask.geometry, 0);
  const std::size_t slices = lengths(mask.geometry)[view.axis[2]];
  std::size_t best = slices / 2;
  std::size_t most = 0;
  for (std::size_t k = 0; k < slices; ++k) {
    View at = view;
    at.slice = k;
    std::size_t count = 0;
    for (std::size_t v = 0; v < view.length[1]; ++v) {
      for (std::size_t u = 0; u < view.length[0]; ++u) {
        count += mask.labels[at.index(mask.geometry, u, v)] != 0 ? 1 : 0;
      }
    }
    if (count <= most) continue;
    most = count;
    best = k;
  }
  return best;
}

Result<Bytes> render_strip(const ImageStack& stack, std::size_t count_max) {
  const std::size_t count = std::min(stack.count, count_max);
  ensure(count > 0, "a strip of at least one image");
  constexpr std::size_t gap = 2;
  const std::size_t pixels = stack.height * stack.width;
  Canvas canvas(count * (stack.width + gap) - gap, stack.height);
  for (std::size_t k = 0; k < count; ++k) {
    const auto first = stack.values.begin() + static_cast<std::ptrdiff_t>(k * pixels);
    const Window window =
        window_of(std::vector<float>(first, first + static_cast<std::ptrdiff_t>(pixels)));
    for (std::size_t i = 0; i < pixels; ++i) {
      const auto g = window.grey(first[static_cast<std::ptrdiff_t>(i)]);
      canvas.set(k * (stack.width + gap) + i % stack.width, i / stack.width, {g, g, g});
    }
  }
  return encode_png(canvas);
}

}  // namespace cloister::imaging
