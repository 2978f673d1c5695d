// The single attacks of the gate. Each returns what it reconstructed or measured; the gate judges.
#pragma once

#include <vector>

#include "privacy/gate.h"
#include "privacy/phases.h"

namespace cloister::privacy {

// A0: how well the best single channel, as it is, shows the image pooled to the code grid.
struct ChannelCorrelation {
  double largest = 0;         // |r| over all held-out cells
  std::size_t channel = 0;    // which channel
  networks::FloatTensor map;  // that channel, repeated to image size [N, 1, H, W]
};
[[nodiscard]] ChannelCorrelation channel_correlation(const networks::SliceSet& slices,
                                                     const networks::FloatTensor& codes);

// A1, A3: an autoencoder that the attacker trained from a seed of its own on other images (foreign
// decoders never leave their sites and public images may be none, so the gate takes the site's
// other patients for both).
struct AttackerAutoencoder {
  Bytes encoder;
  Bytes decoder;
};
[[nodiscard]] Result<AttackerAutoencoder> attacker_autoencoder(const GateInput& input,
                                                               Phases& phases);
[[nodiscard]] Result<AttackerAutoencoder> attacker_mask_autoencoder(const GateInput& input,
                                                                    Phases& phases);

// A2: re-identification from K leaked pairs, by the best of three ways: ridge regression to pixels,
// an affine map into the attacker's own code space (both: mean of several draws of pairs), and a
// small decoder trained on the pairs.
struct KnownPlaintext {
  std::size_t pairs = 0;
  std::string how;
  ReIdentification found;
  networks::FloatTensor reconstructions;
};
struct LeakedSide {
  const networks::FloatTensor& own_codes;       // codes of `own` under the site's encoder
  const networks::FloatTensor& attacker_codes;  // the same images under the attacker's
  const Bytes& attacker_decoder;
};
// For K = 1, 4, 16, 64 as far as the site has slices.
[[nodiscard]] Result<std::vector<KnownPlaintext>> known_plaintext(const GateInput& input,
                                                                  const LeakedSide& side,
                                                                  const Gallery& gallery,
                                                                  Phases& phases,
                                                                  const networks::Job& job);
// The numbers of pairs that are tried.
[[nodiscard]] std::vector<std::size_t> pairs_tried(const GateInput& input);

// Images from codes by a stored decoder.
[[nodiscard]] Result<networks::FloatTensor> decoded(const Bytes& decoder,
                                                    const networks::FloatTensor& codes,
                                                    const networks::Compute& compute);

// The tensor's entries [N, ...] at the given places of the first axis.
[[nodiscard]] networks::FloatTensor rows_at(const networks::FloatTensor& tensor,
                                            const std::vector<std::size_t>& rows);

}  // namespace cloister::privacy
