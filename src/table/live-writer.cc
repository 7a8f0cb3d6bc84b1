#include "table/live-writer.h"

#include <algorithm>
#include <utility>

#include "table/live-piece.h"
#include "util/io.h"
#include "util/place.h"
#include "util/table-specifier.h"

namespace u2moe {
namespace {

bool IsReadAtOnce(const std::string &wspecifier) {
  const Wspecifier spec = ParseWspecifier(wspecifier);
  if (!spec.archive) return false;
  if (IsPipe(*spec.archive)) return true;
  const Place place = FindPlace(*spec.archive, false);
  return place.type != 0 && !place.IsFile();
}

}  // namespace

std::string FlushedWhereRead(const std::string &wspecifier) {
  return IsReadAtOnce(wspecifier) ? "f," + wspecifier : wspecifier;
}

LiveMatrixWriter::LiveMatrixWriter(const std::string &wspecifier)
    : in_pieces_(IsReadAtOnce(wspecifier)), writer_(FlushedWhereRead(wspecifier)) {}

void LiveMatrixWriter::Begin(const std::string &utterance) {
  utterance_ = utterance;
  count_ = 0;
  parts_.clear();
}

void LiveMatrixWriter::Add(Tensor rows) {
  if (rows.Rows() == 0) return;
  if (in_pieces_) {
    writer_.Write(LivePiece{utterance_, ++count_}.Key(), rows);
  } else {
    parts_.push_back(std::move(rows));
  }
}

void LiveMatrixWriter::End() {
  if (in_pieces_) return;
  int64_t rows = 0;
  for (const Tensor &part : parts_) rows += part.Rows();
  Tensor whole(rows, parts_.empty() ? 0 : parts_[0].Cols());
  float *next = whole.Data();
  for (const Tensor &part : parts_) next = std::copy_n(part.Data(), part.Size(), next);
  parts_.clear();
  writer_.Write(utterance_, whole);
}

void LiveMatrixWriter::Abort() {
  parts_.clear();
  if (count_ > 0) writer_.Write(LivePiece{utterance_, 0}.Key(), Tensor());
}

}  // namespace u2moe
