#include "text/sentence-piece.h"

#ifdef U2MOE_SENTENCEPIECE
#include <sentencepiece_processor.h>
#endif

#include <exception>

#include "base/error.h"
#include "util/unicode.h"

namespace u2moe {

#ifdef U2MOE_SENTENCEPIECE

struct SentencePiece::Impl {
  sentencepiece::SentencePieceProcessor processor;
};

SentencePiece::SentencePiece(std::string_view model, const std::string &source)
    : impl_(std::make_unique<Impl>()) {
  std::string why;
  try {  // its tries throw
    const auto status = impl_->processor.LoadFromSerializedProto(model);
    if (!status.ok()) why = status.ToString();
  } catch (const std::exception &e) {
    why = e.what();
  }
  if (!why.empty()) {
    throw DataError(source, ": SentencePiece refuses it (", why,
                    "); give the .model file that spm_train wrote, copied completely");
  }
}

std::vector<std::string> SentencePiece::Encode(std::string_view text) const {
  if (!IsValidUtf8(text)) SplitUtf8(text);  // which names the byte
  std::vector<std::string> pieces;
  const auto status = impl_->processor.Encode(text, &pieces);
  if (!status.ok()) throw DataError("SentencePiece: ", status.ToString());
  return pieces;
}

#else

struct SentencePiece::Impl {};

SentencePiece::SentencePiece(std::string_view, const std::string &source) {
  throw UsageError(source,
                   ": word pieces need SentencePiece, which this program was built without; "
                   "install the package libsentencepiece-dev and run make again");
}

std::vector<std::string> SentencePiece::Encode(std::string_view) const { return {}; }

#endif

SentencePiece::~SentencePiece() = default;
SentencePiece::SentencePiece(SentencePiece &&) noexcept = default;
SentencePiece &SentencePiece::operator=(SentencePiece &&) noexcept = default;

}  // namespace u2moe
