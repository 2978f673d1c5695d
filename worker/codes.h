// Codes of whole patients with their test-time views, there and back.
#pragma once

#include "base/result.h"
#include "networks/encoders.h"
#include "networks/slices.h"

namespace cloister::worker {

// [slices * views, 128, h, w], index = slice * views + view; the views are networks::test_views.
[[nodiscard]] Result<networks::FloatTensor> encode_with_views(const networks::Encoder& encoder,
                                                              const networks::SliceSet& slices,
                                                              int views);

// Mean probabilities over the views, turned back: [slices, classes, H, W].
[[nodiscard]] Result<networks::FloatTensor> decode_views(const networks::Decoder& decoder,
                                                         const networks::FloatTensor& codes,
                                                         int views);

// What the encoder's backbone says of slices, mean over the views: [slices, classes, H, W]. Errors:
// "encoder.no_backbone".
[[nodiscard]] Result<networks::FloatTensor> segment_with_views(const networks::Encoder& encoder,
                                                               const networks::SliceSet& slices,
                                                               int views);

// The mean of two segmentations of the same slices; "codes.count" where they are not.
[[nodiscard]] Result<networks::FloatTensor> half_and_half(networks::FloatTensor one,
                                                          const networks::FloatTensor& other);

// The first view of each slice only: [slices, 128, h, w].
[[nodiscard]] networks::FloatTensor first_views(const networks::FloatTensor& codes, int views);

// Samples [first, first + count) of the leading axis.
[[nodiscard]] networks::FloatTensor samples_of(const networks::FloatTensor& tensor,
                                               std::size_t first, std::size_t count);

}  // namespace cloister::worker
