// A study plan: every choice of a study, signed by its owner. Written as TOML by people
// (`cloister study template` explains each key), carried as canonical JSON (sorted keys, no spaces)
// in the study.opened record; its SHA-256 is the plan's digest, which approvals cite.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace cloister::protocol {

// How much work: presets of resolution, steps and views, nothing else. The plan carries the
// numbers, so that a reader needs no table. All steps are optimiser steps.
struct Budget {
  std::string name = "quick";  // "quick", "standard", "full", or "custom"
  double spacing_mm = 2.0;     // in-plane resampling; 0 keeps the image's own spacing
  std::uint32_t size_px = 96;  // crop or pad, a multiple of 16
  std::uint32_t image_encoder_steps = 0;
  std::uint32_t mask_encoder_steps = 0;
  std::uint32_t segmentation_steps = 0;
  std::uint32_t tune_steps = 0;
  std::uint32_t attack_steps = 0;  // of each trained attack of the gate
  std::uint32_t encoder_batch = 4;
  std::uint32_t segmentation_batch = 8;
  std::uint32_t views = 1;            // encoded augmented views of each training slice
  std::uint32_t test_time_views = 1;  // flips and rotations averaged when predicting
  std::uint32_t levels = 4;           // of the segmentation network, 1..4
  friend bool operator==(const Budget&, const Budget&) = default;
};
// "quick", "standard" or "full". With a backbone a step of the image encoder costs more, and the
// preset has so many fewer that the whole takes as long.
[[nodiscard]] Result<Budget> budget_preset(std::string_view name,
                                           std::string_view backbone = "none");

// What the encoder choice `hardened` gives up so that less of an image survives in its codes.
struct Hardening {
  double reconstruction_weight = 0.0;  // of the image's reproduction in the loss
  double adversary_weight = 1.0;     // how hard the encoder works against a decoder it trains with
  std::uint32_t code_channels = 32;  // of 128; the others are empty
  std::uint32_t code_bits = 4;       // of each number that leaves; 0: not quantised
  double code_noise = 0.5;           // in deviations of a channel, in every code that leaves
  friend bool operator==(const Hardening&, const Hardening&) = default;
};

// Parts that a study can switch off, to see what each brings.
struct Parts {
  bool augmentation = true;       // of encoder training and of the encoded views
  bool code_noise = true;         // while the mask encoder and the pooled network train
  bool averaged_weights = true;   // the mean of the last weights instead of the last ones
  bool largest_component = true;  // of each structure, in what a site decodes
  bool temperature = true;        // calibrated at the site on its tuning patients
  // What the site's own encoder segments before it encodes counts half in what the site decodes.
  // Needs a backbone; then on, unless people say otherwise.
  bool own_segmentation = false;
  friend bool operator==(const Parts&, const Parts&) = default;
};

// When an indicator passes, warns or fails (encoding-and-privacy, section 4). `higher_is_better`
// turns the comparison round.
struct Threshold {
  std::string indicator;
  double pass = 0;
  double fail = 0;
  bool higher_is_better = false;
  friend bool operator==(const Threshold&, const Threshold&) = default;
};
[[nodiscard]] std::vector<Threshold> default_thresholds();

// The encoder and pooling that a preset stands for.
struct Modes {
  std::string_view encoder, pooling;
};
// What an encoder begins with where people leave it open.
[[nodiscard]] std::string_view backbone_of(std::string_view encoder);
[[nodiscard]] Modes modes_of(std::string_view preset);

struct StudyPlan {
  StudyId study;
  std::uint32_t version = 1;  // an amendment counts up and is approved again by the sites
  std::string title;
  std::string purpose;
  std::string legal_basis;
  std::string owner;             // the member who signs it
  std::string trainer;           // the member that may open shards
  std::string trainer_seal_key;  // its X25519 public key, hex: agents seal to no other
  std::vector<std::string> sites;
  std::uint32_t quorum = 1;             // admitted encoded datasets before pooled training starts
  std::uint32_t release_approvals = 1;  // sites whose stewards must approve the model's release
  std::vector<std::string> structures;  // label names that every site must have, in channel order
  std::string preset = "adapted";       // "paper", "adapted", "guided" or "hardened"
  std::string encoder = "reconstruct";  // or "task", "hardened"
  // What an encoder that learns to segment begins with: "unet", or "none" as in the paper. The
  // canonical JSON has the key only where it is not "none": plans of before keep their digests.
  std::string backbone = "none";
  std::string pooling = "adapted";  // "plain", "adapted" or "guided"
  // `guided` only: every site's mask decoder goes to the trainer, who can then read that site's
  // masks. Never by default, and each site's policy must allow it as well.
  bool mask_decoder_leaves = false;
  Hardening hardening;  // used by the encoder `hardened` only
  Parts parts;
  Budget budget;
  std::uint64_t seed = 1;          // of the pooled network and the attacks; published
  std::uint32_t patients_min = 2;  // a site with fewer is refused
  double mask_ceiling_min = 0.90;  // per structure; below it the mask encoder is trained again
  std::vector<Threshold> gate;
  std::uint32_t retention_days = 365;  // of shards at the coordinator
  // The last day (UTC, an RFC 3339 full-date: "2027-03-31") on which data are encoded and networks
  // trained (judging and release go on); empty: none, and then the canonical JSON has no such key.
  std::string deadline;
  friend bool operator==(const StudyPlan&, const StudyPlan&) = default;
};

// The first instant at which nothing new of the study is encoded or trained: the end of the
// deadline's day. None: the plan has no deadline.
[[nodiscard]] std::optional<Instant> offers_end(const StudyPlan& plan);
[[nodiscard]] inline bool is_over(const StudyPlan& plan, Instant now) {
  const auto end = offers_end(plan);
  return end && now >= *end;
}

// The canonical JSON, and back. Parsing refuses unknown, missing and contradictory keys, and
// reports all problems of a plan together ("plan.*").
[[nodiscard]] std::string to_json(const StudyPlan& plan);
[[nodiscard]] Result<StudyPlan> plan_from_json(std::string_view json);
// The same from the TOML that people write; `file_name` is for messages. There
// `[budget] name = "quick"` stands for the preset's numbers; absent choices take the defaults
// above, and a `[[gate]]` entry replaces the default of its indicator only.
[[nodiscard]] Result<StudyPlan> plan_from_toml(std::string_view toml, std::string_view file_name);

}  // namespace cloister::protocol
