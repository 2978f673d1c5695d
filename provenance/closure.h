// Walking the graph along data edges. Private to this room.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "provenance/ledger_reader.h"
#include "provenance/lineage.h"

namespace cloister::provenance {

[[nodiscard]] constexpr bool is_data_edge(Edge edge) {
  return edge == Edge::used || edge == Edge::generated || edge == Edge::contains;
}

enum class Direction { back, forward };

// The edges that leave (forward) or reach (back) a node.
[[nodiscard]] Result<std::vector<GraphEdge>> edges_at(const LedgerReader& reader,
                                                      const Digest& node, Direction direction);

// The same for one sort of edge, without reading the others.
[[nodiscard]] Result<std::vector<GraphEdge>> edges_of(const LedgerReader& reader,
                                                      const Digest& node, Direction direction,
                                                      Edge edge);

struct Closure {
  std::set<Digest> nodes;
  std::vector<GraphEdge> edges;    // data edges walked
  std::vector<GraphEdge> context;  // others seen in the direction of the walk
};
// Breadth first from `starts` (which are members). "lineage.too_large" past the limit.
[[nodiscard]] Result<Closure> walk(const LedgerReader& reader, const std::vector<Digest>& starts,
                                   Direction direction, std::size_t nodes_max);

// Records that generated an artefact (leaf hash and index), in order.
[[nodiscard]] Result<std::vector<GraphEdge>> producers(const LedgerReader& reader,
                                                       const Digest& artefact);

}  // namespace cloister::provenance
