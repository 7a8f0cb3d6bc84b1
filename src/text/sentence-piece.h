// The library SentencePiece, which only sentence-piece.cc includes.
#ifndef U2MOE_TEXT_SENTENCE_PIECE_H_
#define U2MOE_TEXT_SENTENCE_PIECE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace u2moe {

// A model of word pieces. One may serve any number of threads.
class SentencePiece {
 public:
  // model: the bytes of a file that ParseWordPieceModel has taken; source names it in messages.
  // Throws DataError where SentencePiece refuses it, and UsageError where u2moe was built without
  // SentencePiece.
  SentencePiece(std::string_view model, const std::string &source);
  ~SentencePiece();
  SentencePiece(SentencePiece &&) noexcept;
  SentencePiece &operator=(SentencePiece &&) noexcept;

  // The pieces of a text, normalised as the model says; a run of letters that no piece has comes as
  // one string. Throws DataError for text that is not UTF-8.
  std::vector<std::string> Encode(std::string_view text) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace u2moe

#endif  // U2MOE_TEXT_SENTENCE_PIECE_H_
