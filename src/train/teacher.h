// A model that another learns from.
#ifndef U2MOE_TRAIN_TEACHER_H_
#define U2MOE_TRAIN_TEACHER_H_

#include <memory>
#include <string>

#include "modelfile/model-file.h"
#include "util/options.h"

namespace u2moe {

struct TeacherOptions {
  std::string teacher;  // model file; "": none
  double teacher_weight = 1, teacher_temperature = 1;
  std::shared_ptr<const AsrModel> model;  // what Load read, for inference; null: none

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // Reads the teacher. Throws UsageError where its frames, features or units are not the student's.
  void Load(const Context &ctx, const ModelInfo &student);
  // " name=value" of what results depend on, after Load; "" without a teacher.
  std::string Identity() const;

 private:
  std::string fingerprint_;
};

// Of a model that is not packed, with its configuration and policy: tells others apart.
std::string DescribeModel(AsrModel *model);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_TEACHER_H_
