#include "feat/spec-augment.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"
#include "tensor/tensor.h"

namespace u2moe {

DrawInt DrawFrom(Rng *rng) {
  return [rng](int64_t low, int64_t high) { return rng->UniformInt(low, high); };
}

void SpecAugmentOptions::Register(OptionParser *po) {
  po->Register("num-t-mask", &num_t_mask, "SpecAugment: stretches of frames set to 0");
  po->Register("max-t", &max_t, "SpecAugment: longest such stretch in frames");
  po->Register("num-f-mask", &num_f_mask, "SpecAugment: bands of dimensions set to 0");
  po->Register("max-f", &max_f, "SpecAugment: widest such band in dimensions");
  po->Register("num-t-sub", &num_t_sub, "stretches of frames replaced with earlier frames");
  po->Register("max-t-sub", &max_t_sub, "longest such stretch in frames");
  po->Register("max-t-trim", &max_t_trim, "most frames cut off the end at random; 0: none");
}

void SpecAugmentOptions::Check() const {
  if (num_t_mask < 0 || num_f_mask < 0 || num_t_sub < 0 || max_t_trim < 0) {
    throw UsageError("--num-t-mask, --num-f-mask, --num-t-sub and --max-t-trim must be 0 or more");
  }
  if ((num_t_mask > 0 && max_t < 1) || (num_f_mask > 0 && max_f < 1) ||
      (num_t_sub > 0 && max_t_sub < 1)) {
    throw UsageError("--max-t, --max-f and --max-t-sub must be 1 or more");
  }
}

std::string SpecAugmentOptions::ToString() const {
  return Cat("num-t-mask=", num_t_mask, " max-t=", max_t, " num-f-mask=", num_f_mask,
             " max-f=", max_f, " num-t-sub=", num_t_sub, " max-t-sub=", max_t_sub,
             " max-t-trim=", max_t_trim);
}

void SpecAugment(int64_t num_t_mask, int64_t max_t, int64_t num_f_mask, int64_t max_f,
                 const DrawInt &draw, View feats) {
  if (feats.Empty()) return;
  const int64_t num_frames = feats.Rows(), dim = feats.Cols();
  for (int64_t i = 0; i < num_t_mask; ++i) {
    const int64_t start = draw(0, num_frames - 1), length = draw(1, max_t);
    const int64_t end = std::min(num_frames, start + length);
    for (int64_t t = start; t < end; ++t) std::fill_n(feats.Row(t), dim, 0.0f);
  }
  for (int64_t i = 0; i < num_f_mask; ++i) {
    const int64_t start = draw(0, dim - 1), length = draw(1, max_f);
    const int64_t end = std::min(dim, start + length);
    for (int64_t t = 0; t < num_frames; ++t) std::fill_n(feats.Row(t) + start, end - start, 0.0f);
  }
}

void SpecSubstitute(int64_t num_t_sub, int64_t max_t, const DrawInt &draw, View feats) {
  if (feats.Empty() || num_t_sub == 0) return;
  const Tensor original = Tensor::Copy(feats);
  const int64_t num_frames = feats.Rows(), dim = feats.Cols();
  for (int64_t i = 0; i < num_t_sub; ++i) {
    const int64_t start = draw(0, num_frames - 1), length = draw(1, max_t);
    const int64_t end = std::min(num_frames, start + length), back = draw(0, start);
    for (int64_t t = start; t < end; ++t) {
      std::copy_n(original.Data() + (t - back) * dim, dim, feats.Row(t));
    }
  }
}

int64_t SpecTrim(int64_t num_frames, int64_t max_t, const DrawInt &draw) {
  const int64_t length = draw(1, max_t);
  return 2 * length < num_frames ? num_frames - length : num_frames;
}

int64_t ApplySpecAugment(const SpecAugmentOptions &opts, const DrawInt &draw, View feats) {
  SpecAugment(opts.num_t_mask, opts.max_t, opts.num_f_mask, opts.max_f, draw, feats);
  SpecSubstitute(opts.num_t_sub, opts.max_t_sub, draw, feats);
  return opts.max_t_trim > 0 ? SpecTrim(feats.Rows(), opts.max_t_trim, draw) : feats.Rows();
}

}  // namespace u2moe
