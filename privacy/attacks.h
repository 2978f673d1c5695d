// The single attacks of the gate. Each returns what it reconstructed or measured; the gate judges.
#pragma once

#include <vector>

#include "privacy/gate.h"

namespace cloister::privacy {

// A0: how well the best single channel, as it is, shows the image pooled to the code grid.
struct ChannelCorrelation {
  double largest = 0;         // |r| over all held-out cells
  std::size_t channel = 0;    // which channel
  networks::FloatTensor map;  // that channel, repeated to image size [N, 1, H, W]
};
[[nodiscard]] ChannelCorrelation channel_correlation(const networks::SliceSet& slices,
                                                     const networks::FloatTensor& codes);

// A2: re-identification from K leaked pairs, mean of several draws of pairs; the reconstructions of
// the last draw.
struct KnownPlaintext {
  std::size_t pairs = 0;
  ReIdentification found;
  networks::FloatTensor reconstructions;
};
// For K = 1, 4, 16, 64 as far as the site has slices. `own_codes` are the codes of `own`.
[[nodiscard]] Result<std::vector<KnownPlaintext>> known_plaintext(
    const GateInput& input, const networks::FloatTensor& own_codes, const Gallery& gallery);

// A3: the decoder of an insider: an autoencoder of the same kind trained from another seed on the
// site's other patients (foreign decoders never leave their sites, so the gate makes its own).
[[nodiscard]] Result<networks::FloatTensor> foreign_decoder(const GateInput& input,
                                                            const networks::Job& job);

// The tensor's entries [N, ...] at the given places of the first axis.
[[nodiscard]] networks::FloatTensor rows_at(const networks::FloatTensor& tensor,
                                            const std::vector<std::size_t>& rows);

}  // namespace cloister::privacy
