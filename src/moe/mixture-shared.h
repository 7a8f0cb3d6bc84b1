#ifndef U2MOE_MOE_MIXTURE_SHARED_H_
#define U2MOE_MOE_MIXTURE_SHARED_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "layer/param-visitor.h"

namespace u2moe {

// Parameters that several mixtures use: a GRU over depth, one router for all. The encoder, and each
// decoder, owns one for its mixtures, which keep pointers into it, and visits it once. It may be
// moved: the pointers stay good.
class MixtureShared {
 public:
  // The part of that name, which the first who asks makes as T(args...). The others check that it
  // is what they need.
  template <class T, class... Args>
  T *Part(const std::string &name, Args &&...args) {
    std::unique_ptr<Base> &part = parts_[name];
    if (part == nullptr) part = std::make_unique<Holder<T>>(std::forward<Args>(args)...);
    return &dynamic_cast<Holder<T> &>(*part).value;
  }
  void VisitParams(ParamVisitor *v) {
    for (auto &[name, part] : parts_) v->Scope(name, ParamRole::kRouter, part.get());
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void VisitParams(ParamVisitor *v) = 0;
  };
  template <class T>
  struct Holder : Base {
    template <class... Args>
    explicit Holder(Args &&...args) : value(std::forward<Args>(args)...) {}
    void VisitParams(ParamVisitor *v) override { value.VisitParams(v); }
    T value;
  };

  std::map<std::string, std::unique_ptr<Base>> parts_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_MIXTURE_SHARED_H_
