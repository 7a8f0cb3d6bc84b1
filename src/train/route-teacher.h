// A dense model that tells routers which expert has the neurons that a frame needs (Read-ME, arXiv
// 2410.19123).
#ifndef U2MOE_TRAIN_ROUTE_TEACHER_H_
#define U2MOE_TRAIN_ROUTE_TEACHER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "modelfile/model-file.h"
#include "util/options.h"

namespace u2moe {

// The dense model that mixtures of an encoder were cut out of.
class RouteTeacher {
 public:
  // student: whose bank neuron-groups says which neurons each expert was. source names the teacher.
  // Throws UsageError where the teacher's frames or features are not the student's, where a layer
  // that was cut is not dense or too narrow in the teacher, where no mixture says what it was
  // cut out of, and where the experts of each have all neurons in common. One whose experts do, of
  // several mixtures, has nothing to say.
  RouteTeacher(std::unique_ptr<AsrModel> model, const ModelConfig &student_config,
               AsrModel *student, const std::string &source);

  // feats [sum T, F], in the memory of ctx, under this mask -> for each mixture that was cut out of
  // this model, by RouteCall::mixture and in this order, ReadMeDemand [sum T', E] of its frames, in
  // the host's memory. Without dropout. Throws DataError as Encoder::Forward.
  using Use = std::function<void(int mixture, ConstView demand)>;
  void ForEachDemand(const Context &ctx, const AttentionMask &mask, ConstView feats,
                     const RaggedShape &shape, const Use &use) const;

 private:
  std::unique_ptr<AsrModel> model_;
  // By mixture, for each expert: the neurons that it has and not all others have, too.
  std::map<int, std::vector<std::vector<bool>>> exclusive_;
};

struct RouteTeacherOptions {
  std::string route_teacher;  // model file; "": none
  double route_teacher_weight = 1;
  std::shared_ptr<const RouteTeacher> model;  // what Load read; null: none

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // Reads the teacher; throws UsageError as RouteTeacher.
  void Load(const Context &ctx, const ModelInfo &info, AsrModel *student);
  // " name=value" of what results depend on, after Load; "" without a teacher.
  std::string Identity() const;

 private:
  std::string fingerprint_;
};

}  // namespace u2moe

#endif  // U2MOE_TRAIN_ROUTE_TEACHER_H_
