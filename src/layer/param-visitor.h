// One VisitParams(ParamVisitor *) per layer drives initialisation, load, save, optimizer,
// averaging, gradient tests and nnet-info. Names are WeNet's state-dict names, built from nested
// scopes.
#ifndef U2MOE_LAYER_PARAM_VISITOR_H_
#define U2MOE_LAYER_PARAM_VISITOR_H_

#include <string>
#include <utility>

#include "base/error.h"
#include "tensor/packed-matrix.h"
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
  // The trainable weight [out, in] of a linear map, which is either in floats or packed.
  void Weight(const std::string &name, Tensor *weight, PackedMatrix *packed,
              const ParamInit &init) {
    OnWeight(prefix_ + name, weight, packed, init);
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
  // Visitors that know of packed weights override this; to others they would be holes in the model.
  virtual void OnWeight(const std::string &name, Tensor *weight, PackedMatrix *packed,
                        const ParamInit &init) {
    if (packed->Empty()) {
      OnParam(name, weight, init);
      return;
    }
    throw Error("the weight ", name, " is packed as ", ToString(packed->Format()),
                " for inference; this needs the float32 model that it was made from");
  }

 private:
  std::string prefix_;
};

// Calls fn(name, tensor, init, trainable) for each tensor of a layer or model, in a fixed order.
// Throws Error at a packed weight.
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

// The same for layers and models whose weights may be packed: calls fn(name, tensor, trainable) for
// each tensor and fn_weight(name, weight, packed) for each weight of a linear map, one of which is
// empty; it may replace one by the other.
template <class Layer, class Fn, class FnWeight>
void ForEachParamOrPacked(Layer *layer, Fn fn, FnWeight fn_weight) {
  class Visitor : public ParamVisitor {
   public:
    Visitor(Fn *fn, FnWeight *fn_weight) : fn_(fn), fn_weight_(fn_weight) {}

   protected:
    void OnParam(const std::string &name, Tensor *t, const ParamInit &) override {
      (*fn_)(name, t, true);
    }
    void OnBuffer(const std::string &name, Tensor *t, const ParamInit &) override {
      (*fn_)(name, t, false);
    }
    void OnWeight(const std::string &name, Tensor *weight, PackedMatrix *packed,
                  const ParamInit &) override {
      (*fn_weight_)(name, weight, packed);
    }

   private:
    Fn *fn_;
    FnWeight *fn_weight_;
  };
  Visitor visitor(&fn, &fn_weight);
  layer->VisitParams(&visitor);
}

}  // namespace u2moe

#endif  // U2MOE_LAYER_PARAM_VISITOR_H_
