// One VisitParams(ParamVisitor *) per layer drives initialisation, load, save, optimizer,
// averaging, gradient tests and nnet-info. Names are WeNet's state-dict names, built from nested
// scopes, which also say what a tensor is for.
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

// What a tensor is for. Whatever has to tell a router from an expert, or a feed-forward from an
// attention, asks this; names are for files and people.
enum class ParamRole {
  kNone,  // nobody said
  kRouter,
  kExpert,
  kFeedForward,
  kAttention,
  kConvolution,
  kEmbedding,
  kNorm,
  kSubsampling,
  kOutput,
  kBuffer,  // stored, not trained
};
// As reports call it: "router", "experts", "feed-forward", ...
inline const char *ToString(ParamRole role) {
  constexpr const char *kNames[] = {"other",       "router",      "experts",   "feed-forward",
                                    "attention",   "convolution", "embedding", "norm",
                                    "subsampling", "output",      "buffer"};
  return kNames[static_cast<int>(role)];
}

// Whether linear maps in this role may work in fewer bits. Routers may not: another choice of
// experts is no small error. Neither may those whose role is not known.
inline bool MayBeQuantized(ParamRole role) {
  return role != ParamRole::kRouter && role != ParamRole::kNone;
}

// A role, and which share of the rows (frames, tokens) uses a tensor: K of E experts work on a row,
// so share K / E. And which share of the steps of a training gives it gradients; 0: it is frozen.
struct ParamUse {
  ParamRole role = ParamRole::kNone;
  double share = 1, steps = 1;
  ParamUse() = default;
  ParamUse(ParamRole r, double s = 1, double n = 1)  // NOLINT: a role is a use by all
      : role(r), share(s), steps(n) {}
};

// What a visitor is told of a tensor.
struct ParamInfo {
  std::string name;
  ParamUse use;
  ParamInit init;
  bool trainable = true;
};

class ParamVisitor {
 public:
  virtual ~ParamVisitor() = default;

  // A trainable parameter. Empty tensors (a bias that a layer does not have) are passed over.
  void Param(const std::string &name, Tensor *tensor, const ParamInit &init) {
    if (!tensor->Empty()) OnTensor({prefix_ + name, use_, init, true}, tensor);
  }
  // The trainable weight [out, in] of a linear map, which is either in floats or packed.
  void Weight(const std::string &name, Tensor *weight, PackedMatrix *packed,
              const ParamInit &init) {
    OnWeight({prefix_ + name, use_, init, true}, weight, packed);
  }
  // A tensor that is stored but not trained: running statistics, CMVN.
  void Buffer(const std::string &name, Tensor *tensor, const ParamInit &init) {
    if (tensor->Empty()) return;
    const ParamUse use = use_.role == ParamRole::kRouter ? use_ : ParamRole::kBuffer;
    OnTensor({prefix_ + name, use, init, false}, tensor);
  }
  // Visits a sub-layer under "<name>.", in the role of what surrounds it or in its own.
  template <class Layer>
  void Scope(const std::string &name, Layer *layer) {
    Scope(name, use_, layer);
  }
  template <class Layer>
  void Scope(const std::string &name, const ParamUse &use, Layer *layer) {
    const size_t length = prefix_.size();
    prefix_ += name + ".";
    In(use, [&] { layer->VisitParams(this); });
    prefix_.resize(length);
  }
  // What fn visits has this role, unless an inner scope gives another; but all that a router is
  // made of, be it attention or a norm, is router.
  template <class Fn>
  void In(const ParamUse &use, Fn fn) {
    const ParamUse outer = use_;
    if (outer.role != ParamRole::kRouter) use_ = use;
    fn();
    use_ = outer;
  }

 protected:
  virtual void OnTensor(const ParamInfo &info, Tensor *tensor) = 0;
  // Visitors that know of packed weights override this; to others they would be holes in the model.
  virtual void OnWeight(const ParamInfo &info, Tensor *weight, PackedMatrix *packed) {
    if (packed->Empty()) {
      OnTensor(info, weight);
      return;
    }
    throw Error("the weight ", info.name, " is packed as ", ToString(packed->Format()),
                " for inference; this needs the float32 model that it was made from");
  }

 private:
  std::string prefix_;
  ParamUse use_;
};

// Calls fn(name, tensor, init, trainable) for each tensor of a layer or model, in a fixed order.
// Throws Error at a packed weight.
template <class Layer, class Fn>
void ForEachParam(Layer *layer, Fn fn) {
  class Visitor : public ParamVisitor {
   public:
    explicit Visitor(Fn *fn) : fn_(fn) {}

   protected:
    void OnTensor(const ParamInfo &info, Tensor *t) override {
      (*fn_)(info.name, t, info.init, info.trainable);
    }

   private:
    Fn *fn_;
  };
  Visitor visitor(&fn);
  layer->VisitParams(&visitor);
}

// The same for layers and models whose weights may be packed, with all that is told of a tensor:
// calls fn(info, tensor) for each tensor and fn_weight(info, weight, packed) for each weight of a
// linear map, one of which is empty; it may replace one by the other.
template <class Layer, class Fn, class FnWeight>
void ForEachParamOrPacked(Layer *layer, Fn fn, FnWeight fn_weight) {
  class Visitor : public ParamVisitor {
   public:
    Visitor(Fn *fn, FnWeight *fn_weight) : fn_(fn), fn_weight_(fn_weight) {}

   protected:
    void OnTensor(const ParamInfo &info, Tensor *t) override { (*fn_)(info, t); }
    void OnWeight(const ParamInfo &info, Tensor *weight, PackedMatrix *packed) override {
      (*fn_weight_)(info, weight, packed);
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
