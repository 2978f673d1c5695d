#include "provenance/closure.h"

#include "provenance/stored.h"

namespace cloister::provenance {

namespace {

Result<std::vector<GraphEdge>> edges_under(const LedgerReader& reader, const Bytes& prefix,
                                           const Digest& node, Direction direction) {
  std::vector<GraphEdge> edges;
  std::optional<Error> error;
  const bool forward = direction == Direction::forward;
  auto done = reader.scan(prefix, {}, [&](BytesView key, BytesView) {
    const auto edge = parse_edge_key(key);
    if (!edge) {
      error = edge.error();
      return false;
    }
    edges.push_back({forward ? node : edge->other, forward ? edge->other : node,
                     static_cast<Edge>(edge->edge), edge->index});
    return true;
  });
  if (!done) return pass(done);
  if (error) return tl::unexpected<Error>(*error);
  return edges;
}

Bytes prefix_of(const Digest& node, Direction direction) {
  return direction == Direction::forward ? key::edges_from(node) : key::edges_to(node);
}

}  // namespace

Result<std::vector<GraphEdge>> edges_at(const LedgerReader& reader, const Digest& node,
                                        Direction direction) {
  return edges_under(reader, prefix_of(node, direction), node, direction);
}

Result<std::vector<GraphEdge>> edges_of(const LedgerReader& reader, const Digest& node,
                                        Direction direction, Edge edge) {
  Bytes prefix = prefix_of(node, direction);
  prefix.push_back(static_cast<std::uint8_t>(edge));
  return edges_under(reader, prefix, node, direction);
}

Result<Closure> walk(const LedgerReader& reader, const std::vector<Digest>& starts,
                     Direction direction, std::size_t nodes_max) {
  Closure closure;
  std::vector<Digest> queue;
  const auto visit = [&](const Digest& node) {
    if (closure.nodes.insert(node).second) queue.push_back(node);
  };
  for (const Digest& start : starts) visit(start);
  for (std::size_t next = 0; next < queue.size(); ++next) {
    const auto edges = edges_at(reader, queue[next], direction);
    if (!edges) return pass(edges);
    for (const GraphEdge& edge : *edges) {
      (is_data_edge(edge.edge) ? closure.edges : closure.context).push_back(edge);
      if (is_data_edge(edge.edge)) visit(direction == Direction::forward ? edge.to : edge.from);
    }
    if (closure.nodes.size() > nodes_max) {
      return fail(Kind::exhausted, "lineage.too_large",
                  fmt::format("The answer would hold more than {} nodes.", nodes_max),
                  "Ask about something nearer, or raise the limit.");
    }
  }
  return closure;
}

Result<std::vector<GraphEdge>> producers(const LedgerReader& reader, const Digest& artefact) {
  return edges_of(reader, artefact, Direction::back, Edge::generated);
}

}  // namespace cloister::provenance
