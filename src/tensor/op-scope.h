// What stands around an op on Device::kGuarded: its memory is open while the op runs, and all that
// the op is given must lie there.
#ifndef U2MOE_TENSOR_OP_SCOPE_H_
#define U2MOE_TENSOR_OP_SCOPE_H_

#include <cstdint>

#include "base/check.h"
#include "base/span.h"
#include "tensor/context.h"
#include "tensor/guarded-memory.h"
#include "tensor/packed-matrix.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

namespace u2moe {

// Throws (programming error) unless the operand is in guarded memory, or empty. Types whose memory
// ops reach, such as packed weights, have an overload beside them; what is not listed is the
// host's: numbers, shapes, masks, a vector of labels.
template <class T>
void CheckOperand(const T &) {}
template <class T>
void CheckOperandBytes(const T *p, int64_t count) {
  CHECK(p == nullptr || count == 0 || guarded::Contains(p, static_cast<size_t>(count) * sizeof(T)))
      << "an operand of an op is in the host's memory";
}
inline void CheckOperand(const ConstView &v) {
  if (!v.Empty()) CheckOperandBytes(v.Data(), (v.Rows() - 1) * v.Stride() + v.Cols());
}
inline void CheckOperand(const View &v) { CheckOperand(ConstView(v)); }
inline void CheckOperand(const Tensor &t) { CheckOperandBytes(t.Data(), t.Size()); }
inline void CheckOperand(Tensor *const &t) {
  if (t != nullptr) CheckOperand(*t);
}
inline void CheckOperand(const PackedMatrix &w) {
  CheckOperandBytes(w.Panel(0), w.NumPanels() * w.PanelBytes());
  CheckOperand(w.Scales());
}
template <class T>
void CheckOperand(const Span<T> &s) {
  CheckOperandBytes(s.data(), static_cast<int64_t>(s.size()));
}

#if HAVE_CUDA
// Whether ops of ctx are computed by CUDA; in tests of ops also those of the host's Contexts, on
// the host's memory, which the emulation's kernels and managed memory let them.
bool OpRunsOnCuda(const Context &ctx);
// For tests: from now on all ops that CUDA has run there, each to its end. Returns what was before.
bool RunOpsOnCuda(bool on);

// On the emulation, whose kernels reach the host's memory, too: throws as CheckOperand for operands
// of a CUDA Context that are there. On a GPU the launch itself would fail.
template <class... Operands>
void CheckCudaOperands([[maybe_unused]] const Context &ctx,
                       [[maybe_unused]] const Operands &...operands) {
#if U2MOE_CUDA_EMULATED
  if (ctx.OnCuda()) (CheckOperand(operands), ...);
#endif
}
#endif

class OpScope {
 public:
  template <class... Operands>
  explicit OpScope(const Operands &...operands) : access_((CheckOperand(operands), ..., true)) {}

 private:
  guarded::Access access_;
};

}  // namespace u2moe

#endif  // U2MOE_TENSOR_OP_SCOPE_H_
