// Augmented views for encoding, code shards as they travel, and test-time views.
#pragma once

#include <cstdint>
#include <vector>

#include "networks/encoders.h"

namespace cloister::networks {

struct ViewOptions {
  int views = 8;              // view 0 of each slice is the slice itself
  Augmentation augmentation;  // of the others, drawn afresh for every slice and view
};

// `views` slices for each slice of the input, slice by slice: index = slice * views + view.
// `secret_seed` as for training: who knows it can undo the spatial part.
[[nodiscard]] Result<SliceSet> draw_views(const SliceSet& slices, const ViewOptions& options,
                                          BytesView secret_seed);

// Matching image and mask codes of one patient, standardised.
struct CodePairs {
  FloatTensor image_codes;          // [N, 128, h, w]
  FloatTensor mask_codes;           // [N, 128, h, w]
  std::vector<std::int64_t> slice;  // [N] number within the patient
  std::vector<std::int64_t> view;   // [N]
};

// One shard: safetensors with image_codes and mask_codes (F16, or packed where they hold few
// levels: tensorfile/channels.h), slice and view (I64). What is read is what F16 carries, either
// way. Values beyond the F16 range are refused (Kind::invalid "codes.range").
[[nodiscard]] Result<Bytes> write_code_shard(const CodePairs& pairs);
[[nodiscard]] Result<CodePairs> read_code_shard(BytesView shard);
// Image codes alone (a prediction request) and mask codes alone (its answer): "codes", likewise.
[[nodiscard]] Result<Bytes> write_codes(const FloatTensor& codes);
[[nodiscard]] Result<FloatTensor> read_codes(BytesView bytes);

// Test-time views: the slice, and small rotations and flips as asked. Probabilities of each view
// are turned back with `undo_test_view` and averaged.
struct TestView {
  double rotation_degrees = 0;
  bool flip_rows = false;
  bool flip_columns = false;
};
[[nodiscard]] std::vector<TestView> test_views(int count);  // 1, 3 or 5 are useful
[[nodiscard]] SliceSet apply_test_view(const SliceSet& slices, const TestView& view);
// `maps` [N, C, H, W] of a view, turned back to the slices' own frame.
[[nodiscard]] FloatTensor undo_test_view(const FloatTensor& maps, const TestView& view);

// Most probable class per pixel: [N, H, W].
[[nodiscard]] std::vector<std::uint8_t> most_probable(const FloatTensor& probabilities);

}  // namespace cloister::networks
