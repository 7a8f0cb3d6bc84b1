#include "table/matrix-index.h"

#include <sys/stat.h>

#include <unordered_map>

#include "base/error.h"
#include "table/kaldi-tables.h"
#include "table/live-piece.h"
#include "util/places.h"

namespace u2moe {
namespace {

bool IsRegularFile(const std::string &path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
}

// A file that is not there is an error of its own, which its entry gets.
bool IsOtherFile(const std::string &path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode);
}

}  // namespace

std::optional<MatrixIndex> MatrixIndex::Read(const std::string &rspecifier) {
  MatrixIndex index(ParseRspecifier(rspecifier));
  const std::string &name = index.spec_.rxfilename;
  if (name == "-" || IsPipe(name) || !IsRegularFile(name)) return std::nullopt;
  if (!(index.spec_.is_script ? index.ReadScript() : index.ReadArchive())) return std::nullopt;
  return index;
}

bool MatrixIndex::ReadScript() {
  internal::ScriptReader script(spec_);
  internal::ScriptValueSource source(spec_.rxfilename);
  std::unordered_map<std::string, int32_t> numbers;
  for (internal::ScriptEntry entry; script.Next(&entry);) {
    if (LivePiece::Parse(entry.key) || entry.xfilename == "-" || IsPipe(entry.xfilename))
      return false;
    const FileAndOffset file = SplitOffset(entry.xfilename);
    const std::string &path = file.offset < 0 ? entry.xfilename : file.path;
    const auto [it, is_new] = numbers.emplace(path, static_cast<int32_t>(files_.size()));
    if (is_new) {
      if (IsOtherFile(path)) return false;
      files_.push_back(path);
    }
    MatrixPlace place;
    place.key = entry.key;
    place.file = it->second;
    place.offset = file.offset;
    place.position = entry.line;
    place.range = entry.range;
    try {
      if (!entry.range.empty()) {
        Tensor value;
        internal::ReadScriptValue<MatrixHolder>(&source, entry, &value);
        place.rows = value.Rows();
        place.cols = value.Cols();
      } else {
        MatrixSize size;
        try {
          source.CheckNew(entry);
          size = SkipMatrix(source.Open(entry));
          source.Finish();
        } catch (const PlaceError &) {
          throw;
        } catch (const Error &e) {
          source.Fail(entry, e.what());
        }
        place.rows = size.rows;
        place.cols = size.cols;
      }
    } catch (const DataError &e) {
      place.error = e.what();
    }
    places_.push_back(std::move(place));
  }
  return true;
}

bool MatrixIndex::ReadArchive() {
  if (SplitOffset(spec_.rxfilename).offset >= 0 || spec_.permissive) return false;
  files_.push_back(spec_.rxfilename);
  try {
    internal::ArchiveReader archive(spec_);
    while (archive.NextKey()) {
      if (LivePiece::Parse(archive.Key())) return false;
      MatrixPlace place;
      place.key = archive.Key();
      place.position = archive.Position();
      place.offset = place.position + static_cast<int64_t>(place.key.size()) + 1;
      try {
        const MatrixSize size = SkipMatrix(archive.Stream());
        place.rows = size.rows;
        place.cols = size.cols;
      } catch (const DataError &e) {
        place.error = Cat(archive.Where(), ": ", e.what());
      }
      places_.push_back(std::move(place));
    }
  } catch (const PlaceError &) {
    throw;
  } catch (const Error &) {
    return false;
  }
  return true;
}

internal::ScriptEntry MatrixIndex::Entry(const MatrixPlace &place) const {
  internal::ScriptEntry entry;
  entry.key = place.key;
  entry.xfilename = files_[static_cast<size_t>(place.file)];
  if (place.offset >= 0) entry.xfilename += ":" + std::to_string(place.offset);
  entry.range = place.range;
  entry.line = place.position;
  return entry;
}

std::string MatrixIndex::Where(const MatrixPlace &place) const {
  if (spec_.is_script) return internal::ScriptValueSource(spec_.rxfilename).Where(Entry(place));
  return Cat(spec_.rxfilename, ": key '", place.key, "' at byte ", place.position);
}

Tensor MatrixIndex::Load(const MatrixPlace &place) const {
  if (!place.error.empty()) throw DataError(place.error);
  internal::ScriptValueSource source(spec_.rxfilename);
  Tensor value;
  internal::ReadScriptValue<MatrixHolder>(&source, Entry(place), &value);
  if (value.Rows() != place.rows || value.Cols() != place.cols) {
    throw DataError(Where(place), ": is ", value.Rows(), " x ", value.Cols(), " now and was ",
                    place.rows, " x ", place.cols,
                    " when the table was opened; do not write a table that is in use");
  }
  return value;
}

}  // namespace u2moe
