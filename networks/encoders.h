// The two encoding networks of a site: training, encoding, decoding, and tuning of the mask
// decoder.
//
// All networks are byte strings (safetensors, networks/weights.h): a worker has no disk for
// secrets. Images, masks, encoders and image decoders stay at the site; who holds a seed can
// rebuild an initialisation, so seeds are secrets too and are never logged, returned or stored
// here.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "networks/augmentation.h"
#include "networks/job.h"
#include "networks/slices.h"

namespace cloister::networks {

// Channels of the five levels at H, H/2, H/4, H/8, H/16 (the paper's table).
inline constexpr std::int64_t code_channels = 128;
inline constexpr int code_stride = 16;

struct TrainingRecipe {
  std::int64_t steps = 2000;
  int batch = 4;
  double learning_rate = 2e-3;
  double weight_decay = 1e-4;
  double gradient_norm_max = 1.0;  // 0: no clipping
  double ema_decay = 0.995;        // 0: no averaging of weights
  double warmup_percent = 3;       // of the steps; then a half cosine to zero
};

// How a site's image encoder learns.
enum class EncoderLearning {
  reconstruct,  // the paper: reproduce the image
  task,      // segment, through a decoder of its own that is thrown away after training: the code
             // keeps what the study needs. Needs labels.
  hardened,  // as task, against a decoder that learns to reproduce the image meanwhile; then fewer
             // channels, noise and fewer bits in every code that leaves.
};
[[nodiscard]] Result<EncoderLearning> parse_encoder_learning(std::string_view text);
[[nodiscard]] std::string_view to_string(EncoderLearning learning);

// What an image encoder that learns to segment begins with.
enum class Backbone {
  none,  // nothing: the paper's five levels see the image
  unet,  // a U-Net that learns to segment as well; the five levels see its class probabilities and
         // nothing else of the image
};
[[nodiscard]] Result<Backbone> parse_backbone(std::string_view text);
[[nodiscard]] std::string_view to_string(Backbone backbone);

// For `hardened`: how much of the image the codes shall lose.
struct Hardening {
  double reconstruction_weight = 0.0;  // of the image's MSE in the encoder's loss
  double adversary_weight = 1.0;       // of working against the decoder, while it beats the mean
  int code_channels = 32;              // 1..128; the others stay empty
  int code_bits = 4;                   // 0: not quantised
  double code_noise = 0.5;             // in deviations of each channel
};

struct ImageEncoderOptions {
  TrainingRecipe recipe;
  Augmentation augmentation;
  int window =
      0;  // pixels a side of what a step sees of each slice, a multiple of 16; 0: all of it
  double code_noise = 0.0;  // of each channel's standard deviation, added before the decoder;
                            // `hardened` has its own
  EncoderLearning learning = EncoderLearning::reconstruct;
  Backbone backbone = Backbone::none;  // `task`, `hardened`
  int structures = 3;                  // `task`, `hardened`: labels 1..K
  Hardening hardening;                 // `hardened`
};

struct MaskEncoderOptions {
  TrainingRecipe recipe;
  Augmentation augmentation;
  int window = 0;                // as above
  int structures = 3;            // K: labels 1..K
  bool foreground_only = false;  // `paper`: channels are the K foreground classes, else K + 1
  double code_noise = 0.5;       // of each channel's standard deviation, added before the decoder
  double ceiling_min = 0.90;     // a structure below it is trained again from another seed
  int attempts_max = 2;
  double held_out_percent = 0;  // patients kept out of training, on whom the ceiling is measured
};

struct TrainedImageEncoder {
  Bytes encoder;           // carries the statistics that standardise its codes
  Bytes decoder;           // to images; of `task` it learnt beside the encoder, which ignored it
  double unexplained = 0;  // mean squared error of reconstructions over the images' variance
  double final_loss = 0;
};

struct TrainedMaskEncoder {
  Bytes encoder;
  Bytes decoder;
  // Dice of decode(encode(mask)) against the mask, per structure 1..K, mean over volumes that hold
  // the structure, on F16 codes as they travel.
  std::vector<double> ceiling;
  std::vector<int> dropped;  // structures still under `ceiling_min` after the last attempt
  int attempts = 1;
  double final_loss = 0;
};

// `secret_seed`: at least 16 random bytes, else Kind::invalid "encoder.short_seed".
[[nodiscard]] Result<TrainedImageEncoder> train_image_encoder(const SliceSet& slices,
                                                              const ImageEncoderOptions& options,
                                                              BytesView secret_seed,
                                                              const Job& job);
[[nodiscard]] Result<TrainedMaskEncoder> train_mask_encoder(const SliceSet& slices,
                                                            const MaskEncoderOptions& options,
                                                            BytesView secret_seed, const Job& job);

// A loaded encoding or decoding network. A resource: create once, use for many batches, one thread.
class Encoder {
 public:
  // Image or mask encoder, as trained above. Errors: Kind::corrupt "weights.<what>".
  [[nodiscard]] static Result<Encoder> load(BytesView network, const Compute& compute);
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  ~Encoder();

  // [N, 128, H/16, W/16], standardised per channel with this encoder's own statistics. Images for
  // an image encoder, labels for a mask encoder.
  [[nodiscard]] Result<FloatTensor> encode(const SliceSet& slices) const;
  // What the backbone of an image encoder sees: probabilities [N, K + 1, H, W], background first.
  // Kind::invalid "encoder.no_backbone" without one.
  [[nodiscard]] Result<FloatTensor> segment(const SliceSet& slices) const;
  [[nodiscard]] bool is_for_masks() const;
  // Mean and standard deviation per code channel, before standardising. An image encoder's travel
  // in the manifest; a mask encoder's stay at the site.
  [[nodiscard]] const std::vector<float>& code_mean() const;
  [[nodiscard]] const std::vector<float>& code_deviation() const;

 private:
  struct Parts;
  explicit Encoder(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

class Decoder {
 public:
  [[nodiscard]] static Result<Decoder> load(BytesView network, const Compute& compute);
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  // From standardised codes [N, 128, h, w]: images [N, 1, H, W] from an image decoder,
  // probabilities [N, K + 1, H, W] (background first) from a mask decoder.
  [[nodiscard]] Result<FloatTensor> decode(const FloatTensor& codes) const;

 private:
  struct Parts;
  explicit Decoder(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Adapts a mask decoder to the codes that the pooled network predicts. `predicted` are standardised
// mask codes of slices in `truth` (same order), of patients the pooled network did NOT train on.
// With no steps (`paper`) the decoder comes back as it was.
struct TuningOptions {
  TrainingRecipe recipe;
  double code_noise = 0.3;
};
struct TunedDecoder {
  Bytes decoder;
  std::vector<double> dice_before;  // per structure, mean over volumes, on the tuning slices
  std::vector<double> dice_after;   // on the tuning slices: optimistic, say so where shown
};
[[nodiscard]] Result<TunedDecoder> tune_mask_decoder(BytesView decoder,
                                                     const FloatTensor& predicted,
                                                     const SliceSet& truth,
                                                     const TuningOptions& options, const Job& job);

}  // namespace cloister::networks
