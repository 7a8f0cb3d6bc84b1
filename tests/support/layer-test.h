// What the tests of layers share: parameters as double matrices, gradients of all of them against
// central differences of a reference.
#ifndef U2MOE_TESTS_SUPPORT_LAYER_TEST_H_
#define U2MOE_TESTS_SUPPORT_LAYER_TEST_H_

#include <string>

#include "layer/param-visitor.h"
#include "layer/ref/linear.h"
#include "support/op-test.h"
#include "tensor/ragged.h"

namespace u2moe {

using RefParams = ref::Params<double>;

// Normal random numbers times scale; positive ones for running variances, zeros for maps of
// experts.
template <class Layer>
void RandomizeParams(Rng *rng, Layer *layer, float scale = 0.5f) {
  ForEachParam(layer, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    *t = [&] {
      Tensor random(t->Shape());
      for (int64_t i = 0; i < t->Size(); ++i) {
        random.Data()[i] = name.find("running_var") != std::string::npos
                               ? static_cast<float>(rng->Uniform(0.5, 2))
                               : scale * static_cast<float>(rng->Normal());
        if (name.find("expert_map") != std::string::npos) random.Data()[i] = 0;
      }
      return random;
    }();
  });
}

template <class Layer>
void FillParams(float value, Layer *layer) {
  ForEachParam(layer, [&](const std::string &, Tensor *t, const ParamInit &, bool) {
    std::fill_n(t->Data(), t->Size(), value);
  });
}

template <class Layer>
RefParams ParamsOf(Layer *layer) {
  RefParams params;
  ForEachParam(layer, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    params[name] = RefMatrix(t->View());
  });
  return params;
}

// Gradients are added to parameters that begin with this value.
constexpr float kGradStart = 0.25f;

// Compares each parameter gradient in *grad, which began as kGradStart, with central differences of
// loss(), which reads *params. The gradients of parameters whose names end in `zero` are 0 but for
// rounding: then GradientError is 1000 times the largest entry.
template <class Layer, class Loss>
void ExpectParamGradients(Layer *grad, RefParams *params, const Loss &loss, double tolerance,
                          const std::string &zero = "no name") {
  ForEachParam(grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool trainable) {
    if (!trainable) return;
    Tensor added = *t;
    for (int64_t i = 0; i < added.Size(); ++i) added.Data()[i] -= kGradStart;
    const bool is_zero = name.size() >= zero.size() &&
                         name.compare(name.size() - zero.size(), zero.size(), zero) == 0;
    EXPECT_LT(GradientError(loss, &params->at(name), added), is_zero ? 2e-2 : tolerance) << name;
  });
}

// The parameter of that name.
template <class Layer>
Tensor *FindParam(Layer *layer, const std::string &wanted) {
  Tensor *found = nullptr;
  ForEachParam(layer, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name == wanted) found = t;
  });
  CHECK(found != nullptr) << wanted;
  return found;
}

// Whether y was overwritten with numbers inside of its guards.
inline bool WrittenInside(GuardedMatrix *y) {
  for (int64_t i = 0; i < y->View().Rows(); ++i) {
    for (int64_t j = 0; j < y->View().Cols(); ++j) {
      if (!std::isfinite(y->View()(i, j))) return false;
    }
  }
  return y->Intact();
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_LAYER_TEST_H_
