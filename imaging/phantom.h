// Cardiac short-axis phantoms of our own, so that the demo and the tests need nobody's images.
//
// A body with two lungs, a liver, a left ventricle (LV) with its wall (MYO) and a crescent right
// ventricle (RV), tapering from base to apex, at end diastole and end systole. Patients vary in
// size, place, angle, wall, contraction and number of slices; the end slices are empty. Scanner
// styles differ in contrast, noise (Rician), bias field, blur, spacing and matrix. Everything
// follows from the seed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "imaging/volume.h"

namespace cloister::imaging {

struct PhantomSite {
  std::string name = "site-a";
  int scanner = 0;  // 0, 1 or 2
  std::size_t training_patients = 10;
  std::size_t test_patients = 4;
  std::uint64_t seed = 1;
  // Field of view is about 300 mm; the matrix follows from the scanner's spacing. A smaller
  // field (tests) shrinks the matrix, not the heart.
  double field_mm = 300;
  std::size_t slices_max = 12;
};

struct PhantomPatient {
  Volume ed_image, es_image;
  Mask ed_mask, es_mask;  // 1 LV, 2 MYO, 3 RV
};

[[nodiscard]] Result<PhantomPatient> make_phantom_patient(const PhantomSite& site,
                                                          std::size_t patient_number);

// Writes an nnU-Net raw folder: dataset.json, imagesTr, labelsTr, imagesTs, labelsTs with cases
// P001_ED, P001_ES, ... Existing files are replaced. Patients never repeat between sites of
// different seeds.
[[nodiscard]] Result<void> generate_phantom_site(const PhantomSite& site,
                                                 const std::filesystem::path& folder);

}  // namespace cloister::imaging
