#include "train/teacher.h"

#include <cmath>
#include <utility>

#include "base/log.h"
#include "model/whole-only.h"
#include "modelfile/utterance-tags.h"
#include "train/data-source.h"

namespace u2moe {

void TeacherOptions::Register(OptionParser *po) {
  po->RegisterInput("teacher", &teacher,
                    "model whose CTC posteriors and decoder outputs the trained one shall have, "
                    "beside what the transcripts say; it hears the same features in the same "
                    "chunks, and does not change");
  po->Register("teacher-weight", &teacher_weight,
               "what the divergences from the teacher count, each with the weight of the loss that "
               "it stands beside");
  po->Register("teacher-temperature", &teacher_temperature,
               "what the logits of both are divided by");
}

void TeacherOptions::Check() const {
  if (!(teacher_weight > 0 && std::isfinite(teacher_weight)))
    throw UsageError("--teacher-weight=", teacher_weight, ": expected a positive number");
  if (!(teacher_temperature > 0 && std::isfinite(teacher_temperature)))
    throw UsageError("--teacher-temperature=", teacher_temperature, ": expected a positive number");
}

void TeacherOptions::Load(const Context &ctx, const ModelInfo &student) {
  if (teacher.empty()) return;
  ModelInfo info;
  std::unique_ptr<AsrModel> read = ReadModel(teacher, &info);
  CheckFiniteWeights(read.get(), teacher);
  const ModelConfig &a = info.config, &b = student.config;
  const auto check = [&](const char *what, int64_t theirs, int64_t ours) {
    if (theirs == ours) return;
    throw UsageError("--teacher=", teacher, ": its ", what, " is ", theirs,
                     ", the trained model's ", ours,
                     "; a teacher hears the same frames and knows the same units");
  };
  check("feature-dim", a.encoder.feature_dim, b.encoder.feature_dim);
  check("subsampling", a.encoder.subsampling, b.encoder.subsampling);
  check("vocab-size", a.vocab_size, b.vocab_size);
  check("blank", a.blank, b.blank);
  check("sos", a.sos, b.sos);
  check("eos", a.eos, b.eos);
  if (!info.units.empty() && !student.units.empty() && info.units != student.units)
    throw UsageError("--teacher=", teacher, ": its units are others than the trained model's");
  if (NumTagPools(a) > 0) {
    throw UsageError("--teacher=", teacher,
                     ": its experts are in pools by tag (router=tag-pools), which a teacher is not "
                     "told; choose another");
  }
  const std::string whole_only = WhyWholeOnly(a.encoder);
  if (b.encoder.dynamic_chunk && !whole_only.empty()) {
    throw UsageError("--teacher=", teacher, ": ", whole_only,
                     ", but the trained model hears chunks (dynamic-chunk=true), and its teacher "
                     "the same");
  }
  if (b.decoder.num_reverse_blocks > 0 && a.decoder.num_reverse_blocks == 0)
    LOG_WARN << teacher << " has no right-to-left decoder: that of the model has no teacher";
  fingerprint_ = DescribeModel(read.get());
  if (!ctx.OnHost()) MoveToDevice(ctx, read.get());
  read->PrepareForInference(ctx);
  model = std::move(read);
}

std::string TeacherOptions::Identity() const {
  if (model == nullptr) return "";
  return Cat(" teacher=", fingerprint_, " teacher-weight=", teacher_weight,
             " teacher-temperature=", teacher_temperature);
}

std::string DescribeModel(AsrModel *model) {
  Fingerprint print;
  print.Add(ModelOptions(model->Config()).ToString());
  if (!model->Policy().IsPlain()) print.Add(model->Policy().ToJson());
  ForEachParam(model,
               [&](const std::string &, Tensor *t, const ParamInit &, bool) { print.Add(*t); });
  return Cat(print.Value());
}

}  // namespace u2moe
