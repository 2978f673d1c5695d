#include "imaging/phantom.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/file.h"
#include "base/prng.h"
#include "imaging/nifti.h"

namespace cloister::imaging {
namespace {

constexpr double pi = std::numbers::pi;

// How a scanner shows the body. Intensities are arbitrary units, as in magnetic resonance.
struct Scanner {
  double spacing_mm, slice_mm;
  double blood, myocardium, fat, muscle, liver, lung;
  double noise;         // standard deviation of each channel of the Rician noise
  double bias;          // strength of the smooth shading
  double edge_mm;       // width over which tissues blend
  double tilt_degrees;  // orientation of the stack in the world
};

constexpr std::array<Scanner, 3> scanners{{
    {1.25, 10.0, 820, 260, 640, 230, 330, 60, 22, 0.15, 1.6, 20},
    {1.40, 9.0, 560, 290, 520, 250, 300, 70, 34, 0.35, 2.2, 35},
    {1.56, 8.0, 1350, 380, 1500, 420, 520, 90, 40, 0.25, 1.3, 50},
}};

// One patient's anatomy, in mm and radians, in the plane of the slices.
struct Anatomy {
  double centre_x, centre_y;                // of the left ventricle, from the middle of the image
  double inner_mm, wall_mm;                 // base, end diastole
  double length_mm;                         // base to apex
  double first_slice_mm;                    // of the stack, above the base
  double shortening;                        // of the inner radius at end systole
  double long_axis_shortening;              // of the length
  double right_angle;                       // where the right ventricle sits
  double right_size;                        // relative to the left
  double wobble2, phase2, wobble3, phase3;  // departure from a circle
  double drift_x, drift_y;                  // of the centre from base to apex
  double body_x, body_y;                    // half axes of the trunk
  double papillary_angle;
  double blood_gain;
  double texture_phase[4];
};

Anatomy draw_anatomy(Prng& prng) {
  Anatomy a{};
  a.centre_x = prng.uniform(-14, 14);
  a.centre_y = prng.uniform(-14, 14);
  a.inner_mm = prng.uniform(21, 29);
  a.wall_mm = prng.uniform(7, 11.5);
  a.length_mm = prng.uniform(70, 88);
  a.first_slice_mm = prng.uniform(4, 13);
  a.shortening = prng.uniform(0.14, 0.42);
  a.long_axis_shortening = prng.uniform(0.06, 0.16);
  a.right_angle = pi + prng.uniform(-0.45, 0.45);
  a.right_size = prng.uniform(0.85, 1.25);
  a.wobble2 = prng.uniform(0, 0.06);
  a.phase2 = prng.uniform(0, 2 * pi);
  a.wobble3 = prng.uniform(0, 0.035);
  a.phase3 = prng.uniform(0, 2 * pi);
  a.drift_x = prng.uniform(-9, 9);
  a.drift_y = prng.uniform(-9, 9);
  a.body_x = prng.uniform(128, 160);
  a.body_y = prng.uniform(100, 122);
  a.papillary_angle = prng.uniform(0, 2 * pi);
  a.blood_gain = prng.uniform(0.9, 1.1);
  for (double& phase : a.texture_phase) phase = prng.uniform(0, 2 * pi);
  return a;
}

// The heart's cross-section at one slice and phase; a radius of 0 means: not cut.
struct Section {
  double x = 0, y = 0;
  double inner = 0, outer = 0;
  double right_x = 0, right_y = 0, right_along = 0, right_across = 0;
  double papillary = 0;
};

Section cut(const Anatomy& a, double depth_mm, bool systole) {
  Section s;
  // Systole pulls the base towards the apex; the apex stays.
  const double shortening = systole ? a.long_axis_shortening * a.length_mm : 0.0;
  const double length = a.length_mm - shortening;
  const double t = (depth_mm - shortening) / length;  // 0 base, 1 apex
  if (t < 0 || t >= 1) return s;
  const double taper = std::sqrt(1.0 - std::pow(t, 2.4));
  const double inner = a.inner_mm * (systole ? 1.0 - a.shortening : 1.0);
  // The wall keeps about its area when the cavity shrinks.
  const double outer_ed = a.inner_mm + a.wall_mm;
  const double wall_area = outer_ed * outer_ed - a.inner_mm * a.inner_mm;
  const double outer = std::sqrt(inner * inner + wall_area);
  s.x = a.centre_x + a.drift_x * t;
  s.y = a.centre_y + a.drift_y * t;
  s.inner = inner * taper - 2.5 * t;
  s.outer = outer * (0.25 + 0.75 * taper);
  if (s.inner < 3.0) s.inner = 0;
  if (s.outer < 6.0) s.outer = 0;
  s.papillary = t > 0.25 && t < 0.7 ? 0.17 * inner : 0.0;
  const double right_taper = t < 0.82 ? std::sqrt(1.0 - std::pow(t / 0.82, 1.8)) : 0.0;
  const double right = a.right_size * a.inner_mm * (systole ? 1.0 - 0.8 * a.shortening : 1.0);
  if (right_taper > 0.25 && s.outer > 0) {
    s.right_along = 1.28 * right * right_taper;
    s.right_across = 0.86 * right * right_taper;
    const double distance = s.outer + 0.28 * s.right_across;
    s.right_x = s.x + distance * std::cos(a.right_angle);
    s.right_y = s.y + distance * std::sin(a.right_angle);
  }
  return s;
}

// Signed distances in mm, negative inside (approximate away from the border).
struct Distances {
  double inner = 1e3, outer = 1e3, right = 1e3, papillary = 1e3;
};

double to_ellipse(double x, double y, double half_x, double half_y) {
  const double r = std::hypot(x / half_x, y / half_y);
  return (r - 1.0) * std::min(half_x, half_y);
}

Distances distances(const Anatomy& a, const Section& s, double x, double y) {
  Distances d;
  if (s.outer <= 0) return d;
  const double dx = x - s.x;
  const double dy = y - s.y;
  const double r = std::hypot(dx, dy);
  if (r > 3.2 * s.outer + 40) return d;
  const double angle = std::atan2(dy, dx);
  const double shape =
      1.0 + a.wobble2 * std::cos(2 * angle + a.phase2) + a.wobble3 * std::cos(3 * angle + a.phase3);
  d.outer = r - s.outer * shape;
  if (s.inner > 0) d.inner = r - s.inner * shape;
  if (s.papillary > 0 && s.inner > 0) {
    for (const double side : {0.0, 2.1}) {
      const double px = 0.62 * s.inner * std::cos(a.papillary_angle + side);
      const double py = 0.62 * s.inner * std::sin(a.papillary_angle + side);
      d.papillary = std::min(d.papillary, std::hypot(dx - px, dy - py) - s.papillary);
    }
  }
  if (s.right_along > 0) {
    const double c = std::cos(a.right_angle);
    const double w = std::sin(a.right_angle);
    const double u = (x - s.right_x) * c + (y - s.right_y) * w;   // away from the left ventricle
    const double v = -(x - s.right_x) * w + (y - s.right_y) * c;  // along the septum
    d.right = std::max(to_ellipse(u, v, s.right_across, s.right_along), -d.outer);
  }
  return d;
}

// Labels follow contours drawn by a person: papillary muscles belong to the cavity.
std::uint8_t label_at(const Distances& d) {
  if (d.inner < 0) return 1;
  if (d.outer < 0) return 2;
  return d.right < 0 ? 3 : 0;
}

double inside(double distance, double edge_mm) {
  return std::clamp(0.5 - distance / edge_mm, 0.0, 1.0);
}

double blend(double below, double above, double share) { return below + (above - below) * share; }

double background(const Anatomy& a, const Scanner& k, double x, double y) {
  const double trunk = inside(to_ellipse(x, y, a.body_x, a.body_y), k.edge_mm);
  const double within_fat = inside(to_ellipse(x, y, a.body_x - 14, a.body_y - 14), k.edge_mm);
  double value = blend(0, k.fat, trunk);
  value = blend(value, k.muscle, within_fat);
  const double right_lung = to_ellipse(x + 62, y + 10, 38, 60);
  const double left_lung = to_ellipse(x - 66, y + 4, 34, 62);
  value = blend(value, k.lung, inside(std::min(right_lung, left_lung), 2 * k.edge_mm));
  value = blend(value, k.liver, inside(to_ellipse(x + 52, y - 62, 46, 30), 2 * k.edge_mm));
  const double around = to_ellipse(x - a.centre_x + 14, y - a.centre_y, 68, 58);
  value = blend(value, 0.8 * k.fat, 0.7 * inside(around, 6));
  return value * (1.0 + 0.06 * std::sin(0.21 * x + a.texture_phase[0]) *
                            std::sin(0.17 * y + a.texture_phase[1]));
}

double tissue(const Anatomy& a, const Scanner& k, const Distances& d, double x, double y) {
  const double blood = k.blood * a.blood_gain;
  const double texture = 1.0 + 0.04 * std::sin(0.34 * x + a.texture_phase[2]) *
                                   std::cos(0.29 * y + a.texture_phase[3]);
  double value = background(a, k, x, y);
  // A thin wall surrounds the right ventricle too, unlabelled as in clinical contours.
  value = blend(value, k.myocardium, inside(d.right - 3.0, k.edge_mm));
  value = blend(value, 0.94 * blood * texture, inside(d.right, k.edge_mm));
  value = blend(value, k.myocardium * texture, inside(d.outer, k.edge_mm));
  value = blend(value, blood * texture, inside(d.inner, k.edge_mm));
  return blend(value, 1.15 * k.myocardium, inside(d.papillary, k.edge_mm));
}

Geometry make_geometry(const PhantomSite& site, const Anatomy& a, Prng& prng) {
  const Scanner& k = scanners[static_cast<std::size_t>(site.scanner)];
  const double matrix = std::round(site.field_mm * prng.uniform(0.96, 1.04) / k.spacing_mm / 2) * 2;
  const auto pixels = static_cast<std::size_t>(std::max(16.0, matrix));
  const std::size_t most = std::max<std::size_t>(site.slices_max, 4);
  const std::size_t slices = std::max<std::size_t>(4, most - prng.below(3));
  const double tilt = (k.tilt_degrees + prng.uniform(-8, 8)) * pi / 180;
  const double c = std::cos(tilt);
  const double s = std::sin(tilt);
  // Columns: along a row (turned about the vertical), down the rows, towards the apex.
  const std::array<std::array<double, 3>, 3> r{{{-c, 0, -s}, {0, -1, 0}, {s, 0, -c}}};
  // The stack covers the whole heart: with few slices (tests) they are thicker.
  const double cover = a.length_mm + a.first_slice_mm + 14;
  const double slice_mm = std::max(k.slice_mm, cover / static_cast<double>(slices));
  const Vector3 spacing{k.spacing_mm, k.spacing_mm, slice_mm};
  Affine affine{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      affine[row][column] = r[row][column] * spacing[column];
    }
    affine[row][3] = prng.uniform(-80, 80);
  }
  return geometry_from_affine({pixels, pixels, slices}, affine)->geometry;
}

struct Phase3D {
  Volume image;
  Mask mask;
};

Phase3D paint(const Anatomy& a, const Scanner& k, const Geometry& geometry, bool systole,
              Prng& prng) {
  const Size3& size = geometry.size;
  Phase3D out{{geometry, std::vector<float>(size.voxels()), {}},
              {geometry, std::vector<std::uint8_t>(size.voxels()), {}}};
  const double step = geometry.spacing_mm[0];
  const double shade_x = prng.uniform(-1, 1);
  const double shade_y = prng.uniform(-1, 1);
  std::size_t index = 0;
  for (std::size_t z = 0; z < size.z; ++z) {
    const double depth = static_cast<double>(z) * geometry.spacing_mm[2] - a.first_slice_mm;
    const Section section = cut(a, depth, systole);
    for (std::size_t j = 0; j < size.y; ++j) {
      const double y = (static_cast<double>(j) - static_cast<double>(size.y) / 2) * step;
      for (std::size_t i = 0; i < size.x; ++i, ++index) {
        const double x = (static_cast<double>(i) - static_cast<double>(size.x) / 2) * step;
        const Distances d = distances(a, section, x, y);
        const double shade = std::exp(k.bias * (shade_x * x + shade_y * y) / 150.0);
        const double signal = tissue(a, k, d, x, y) * shade;
        const double real = signal + k.noise * prng.normal();
        const double imaginary = k.noise * prng.normal();
        out.image.voxels[index] = static_cast<float>(std::round(std::hypot(real, imaginary)));
        out.mask.labels[index] = label_at(d);
      }
    }
  }
  return out;
}

Result<void> check_site(const PhantomSite& site) {
  const bool fine = site.scanner >= 0 && site.scanner < static_cast<int>(scanners.size()) &&
                    site.training_patients + site.test_patients <= 999 && site.field_mm >= 60 &&
                    site.field_mm <= 500 && site.slices_max >= 4 && site.slices_max <= 40;
  if (fine) return {};
  return fail(
      Kind::invalid, "phantom.bad_options",
      "A phantom has scanner 0 to 2, at most 999 patients, a field of 60 to 500 mm and 4 to "
      "40 slices.",
      "Correct the options.");
}

std::string description(const PhantomSite& site) {
  return fmt::format(
      "{{\n  \"name\": \"{}\",\n  \"description\": \"Cardiac short-axis phantom, scanner style {}, "
      "seed {}. No patient's data.\",\n  \"channel_names\": {{\"0\": \"cine-MRI\"}},\n"
      "  \"labels\": {{\"background\": 0, \"LV\": 1, \"MYO\": 2, \"RV\": 3}},\n"
      "  \"numTraining\": {},\n  \"file_ending\": \".nii.gz\"\n}}\n",
      site.name, site.scanner, site.seed, 2 * site.training_patients);
}

}  // namespace

Result<PhantomPatient> make_phantom_patient(const PhantomSite& site, std::size_t patient_number) {
  if (auto ok = check_site(site); !ok) return pass(ok);
  const Scanner& scanner = scanners[static_cast<std::size_t>(site.scanner)];
  Prng prng(site.seed * 1'000'003 + patient_number * 7919 +
            static_cast<std::uint64_t>(site.scanner));
  const Anatomy anatomy = draw_anatomy(prng);
  const Geometry geometry = make_geometry(site, anatomy, prng);
  Phase3D ed = paint(anatomy, scanner, geometry, false, prng);
  Phase3D es = paint(anatomy, scanner, geometry, true, prng);
  return PhantomPatient{std::move(ed.image), std::move(es.image), std::move(ed.mask),
                        std::move(es.mask)};
}

Result<void> generate_phantom_site(const PhantomSite& site, const std::filesystem::path& folder) {
  if (auto ok = check_site(site); !ok) return ok;
  for (const char* name : {"imagesTr", "labelsTr", "imagesTs", "labelsTs"}) {
    if (auto made = make_folder(folder / name); !made) return made;
  }
  const std::size_t patients = site.training_patients + site.test_patients;
  for (std::size_t number = 1; number <= patients; ++number) {
    const auto patient = make_phantom_patient(site, number);
    if (!patient) return pass(patient);
    const std::string split = number <= site.training_patients ? "Tr" : "Ts";
    const auto write = [&](const char* phase, const Volume& image,
                           const Mask& mask) -> Result<void> {
      const std::string name = fmt::format("P{:03}_{}", number, phase);
      auto done = write_volume(folder / ("images" + split) / (name + "_0000.nii.gz"), image);
      if (!done) return done;
      return write_mask(folder / ("labels" + split) / (name + ".nii.gz"), mask);
    };
    if (auto done = write("ED", patient->ed_image, patient->ed_mask); !done) return done;
    if (auto done = write("ES", patient->es_image, patient->es_mask); !done) return done;
  }
  return write_text(folder / "dataset.json", description(site));
}

}  // namespace cloister::imaging
