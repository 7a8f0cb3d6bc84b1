// Routing statistics of a whole model over a test set, by layer and by label, as text, JSON and
// heat map.
#ifndef U2MOE_LAB_ROUTE_REPORT_H_
#define U2MOE_LAB_ROUTE_REPORT_H_

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "lab/route-information.h"
#include "lab/route-stats.h"
#include "model/asr-model.h"
#include "model/mixture-names.h"
#include "moe/capacity.h"

namespace u2moe {

// Keeps what the routers decided in one forward.
class RouteRecorder : public RouteSink {
 public:
  struct Decision {
    Tensor logits;                 // [R, E]
    std::vector<int32_t> experts;  // [R * K]
    std::vector<float> gates;
    std::vector<double> skip_cost;  // [R] if asked for
    CapacityDrops drops;            // where experts have a capacity
  };
  explicit RouteRecorder(bool skip_cost = false) : wants_skip_cost_(skip_cost) {}
  void OnRoute(ConstView logits, Span<int32_t> experts, Span<float> gates) override;
  bool WantsSkipCost() const override { return wants_skip_cost_; }
  void OnSkipCost(const std::vector<double> &cost) override { decisions_.back().skip_cost = cost; }
  void OnCapacity(const RaggedShape &shape, Span<int32_t> wanted, Span<int32_t> kept) override {
    drops_.Add(shape, wanted, kept);
  }
  const std::vector<Decision> &Decisions() const { return decisions_; }

 private:
  bool wants_skip_cost_;
  CapacityDrops drops_;  // of the decision that comes
  std::vector<Decision> decisions_;
};

// What all routers of a model decide for an utterance: in its encoder under the mask and, with
// labels, in both decoders fed with them; empty where there are no mixtures or no labels. facts:
// what routers may know of the utterance; capacity: whether the capacity of experts counts, as in
// training. Throws DataError for features or labels that do not fit the model.
struct UtteranceRoutes {
  std::vector<RouteRecorder::Decision> encoder, left, right;
  Tensor encoded;  // [R, D], the output of the encoder, in the memory of the Context
};
UtteranceRoutes RouteUtterance(const Context &ctx, const AsrModel &model, ConstView feats,
                               const AttentionMask &mask, const std::vector<int32_t> *tokens,
                               bool skip_cost, const SequenceFacts &facts = SequenceFacts(),
                               bool capacity = false);

class RouteReport {
 public:
  // information: whether RouteInformation is gathered and written too, about the labels of these
  // names.
  explicit RouteReport(const ModelConfig &config, bool information = false,
                       const std::vector<std::string> &label_names = {})
      : config_(config),
        information_(information ? std::make_unique<RouteInformation>(label_names) : nullptr) {}

  // Adds an utterance: its encoder under the mask, and, with labels, both decoders fed with them.
  // labels: of the utterance, as many as label_names where information is gathered; it is also
  // counted by the first of them. Returns the decisions of the encoder's layers. Throws DataErrors
  // of RouteUtterance, with nothing counted.
  std::vector<RouteRecorder::Decision> AddUtterance(const Context &ctx, const AsrModel &model,
                                                    ConstView feats, const AttentionMask &mask,
                                                    const std::vector<int32_t> *tokens,
                                                    const std::vector<std::string> &labels,
                                                    const SequenceFacts &facts = SequenceFacts(),
                                                    bool capacity = false);

  // All layers, in the order of the network.
  const std::vector<std::string> &Layers() const { return layers_; }
  const RouteStats &Stats(const std::string &layer) const { return stats_.at(layer); }
  int NumDeadExperts() const;

  void WriteText(std::ostream &os) const;
  void WriteJson(std::ostream &os) const;
  void WriteJson(const std::string &wxfilename) const;
  // Draws load by layer and expert into a PNG, with gnuplot. Throws Error, with nothing at
  // png_path, where that is not complete.
  void WritePlot(const std::string &png_path) const;

 private:
  // The program for gnuplot.
  void WriteGnuplot(const std::string &png_path, std::ostream &os) const;
  void Add(const std::string &layer, const RouteRecorder::Decision &d, int64_t chunk,
           const std::string &group, const FeedForwardConfig &mixture);

  // What the routes of an utterance tell.
  void AddInformation(const Context &ctx, const AsrModel &model, const UtteranceRoutes &routes,
                      const std::vector<int32_t> *tokens, const std::vector<std::string> &labels);

  ModelConfig config_;
  std::unique_ptr<RouteInformation> information_;  // null: not wanted
  int64_t num_utterances_ = 0;
  std::vector<std::string> layers_;
  std::map<std::string, RouteStats> stats_;
  std::map<std::string, CapacityDrops> drops_;                       // by layer
  std::map<std::string, std::map<std::string, RouteStats>> groups_;  // [group][layer]
};

}  // namespace u2moe

#endif  // U2MOE_LAB_ROUTE_REPORT_H_
