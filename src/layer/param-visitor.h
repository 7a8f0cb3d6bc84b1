// One VisitParams(ParamVisitor *) per layer drives initialisation, load, save, optimizer,
// averaging, gradient tests and nnet-info. Names are WeNet's state-dict names, built from nested
// scopes.
#ifndef U2MOE_LAYER_PARAM_VISITOR_H_
#define U2MOE_LAYER_PARAM_VISITOR_H_

#include <string>
#include <utility>

#include "base/error.h"
#include "tensor/tensor.h"

namespace u2moe {

// How a fresh model fills a tensor: PyTorch's defaults for the layer it belongs to.
struct ParamInit {
  enum class Kind { kConstant, kUniform, kNormal };
  Kind kind = Kind::kConstant;
  double value = 0;  // the constant, the bound b of U(-b, b), or the standard deviation

  static ParamInit Constant(double v) { return {Kind::kConstant, v}; }
  static ParamInit Uniform(double bound) { return {Kind::kUniform, bound}; }
  static ParamInit Normal(double stddev) { return {Kind::kNormal, stddev}; }
};

class ParamVisitor {
 public:
  virtual ~ParamVisitor() = default;

  // A trainable parameter. Empty tensors (a bias that a layer does not have) are passed over.
  void Param(const std::string &name, Tensor *tensor, const ParamInit &init) {
    if (!tensor->Shape().empty()) OnParam(prefix_ + name, tensor, init);
  }
  // A tensor that is stored but not trained: running statistics, CMVN.
  void Buffer(const std::string &name, Tensor *tensor, const ParamInit &init) {
    if (!tensor->Shape().empty()) OnBuffer(prefix_ + name, tensor, init);
  }
  // Visits a sub-layer under "<name>.".
  template <class Layer>
  void Scope(const std::string &name, Layer *layer) {
    const size_t length = prefix_.size();
    prefix_ += name + ".";
    layer->VisitParams(this);
    prefix_.resize(length);
  }

 protected:
  virtual void OnParam(const std::string &name, Tensor *tensor, const ParamInit &init) = 0;
  virtual void OnBuffer(const std::string &name, Tensor *tensor, const ParamInit &init) = 0;

 private:
  std::string prefix_;
};

// Calls fn(name, tensor, init, trainable) for each tensor of a layer or model, in a fixed order.
template <class Layer, class Fn>
void ForEachParam(Layer *layer, Fn fn) {
  class Visitor : public ParamVisitor {
   public:
    explicit Visitor(Fn *fn) : fn_(fn) {}

   protected:
    void OnParam(const std::string &name, Tensor *t, const ParamInit &init) override {
      (*fn_)(name, t, init, true);
    }
    void OnBuffer(const std::string &name, Tensor *t, const ParamInit &init) override {
      (*fn_)(name, t, init, false);
    }

   private:
    Fn *fn_;
  };
  Visitor visitor(&fn);
  layer->VisitParams(&visitor);
}

}  // namespace u2moe

#endif  // U2MOE_LAYER_PARAM_VISITOR_H_
