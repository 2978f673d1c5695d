// Stand-in colours. Drawing programs know no CSS variables, so scripts use colours that nobody
// would choose, and tamed_svg() turns them into variables that follow light and dark. Private.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace cloister::report::stand_in {

struct Colour {
  std::string_view hex;       // what a script says
  std::string_view variable;  // what the page says
};

inline constexpr std::array<Colour, 12> all{{{"#010203", "var(--ink)"},
                                             {"#030201", "var(--line)"},
                                             {"#020301", "var(--paper)"},
                                             {"#a00001", "var(--s1)"},
                                             {"#a00002", "var(--s2)"},
                                             {"#a00003", "var(--s3)"},
                                             {"#a00004", "var(--s4)"},
                                             {"#a00005", "var(--s5)"},
                                             {"#b00001", "var(--s1-soft)"},
                                             {"#b00002", "var(--s2-soft)"},
                                             {"#b00003", "var(--s3-soft)"},
                                             {"#b00004", "var(--soft-fill)"}}};

inline constexpr std::string_view ink = all[0].hex;
inline constexpr std::string_view line = all[1].hex;
inline constexpr std::string_view paper = all[2].hex;
inline constexpr std::string_view neutral_fill = all[11].hex;

[[nodiscard]] constexpr std::string_view series(std::size_t i) { return all[3 + i % 5].hex; }
[[nodiscard]] constexpr std::string_view series_fill(std::size_t i) { return all[8 + i % 3].hex; }

}  // namespace cloister::report::stand_in
