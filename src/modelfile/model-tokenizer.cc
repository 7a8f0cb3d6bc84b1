#include "modelfile/model-tokenizer.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "modelfile/model-file.h"
#include "text/word-piece-model.h"
#include "util/io.h"

namespace u2moe {
namespace {

// Of a model with units.
ModelInfo ReadInfo(const std::string &path) {
  ModelInfo info = ReadModelInfo(path);
  if (info.units.empty())
    throw DataError(path, " holds no units; it was made without them: give a units.txt");
  return info;
}

}  // namespace

bool IsModelFile(const std::string &path) {
  // A length of 8 bytes, the last of which are zero, and a brace. A table of units holds no zero.
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  char begin[9] = {};
  Input input(path);
  input.Stream().read(begin, sizeof begin);
  return input.Stream().gcount() == sizeof begin && begin[7] == '\0' && begin[8] == '{';
}

UnitTable OpenUnits(const std::string &units) {
  return IsModelFile(units) ? UnitTable(ReadInfo(units).units) : UnitTable::Read(units);
}

std::unique_ptr<Tokenizer> OpenTokenizer(const std::string &units, TokenizerOptions options,
                                         bool encoding) {
  options.Check();
  std::string bpe_model, source = options.bpe_model;
  std::vector<std::string> list;
  if (IsModelFile(units)) {
    ModelInfo info = ReadInfo(units);
    list = std::move(info.units);
    if (source.empty()) {
      bpe_model = std::move(info.bpe_model);
      source = units;
      if (options.bpe_case.empty()) options.bpe_case = info.bpe_case;
    }
  } else {
    list = UnitTable::Read(units).Units();
  }
  if (!options.bpe_model.empty()) bpe_model = ReadWordPieceModel(options.bpe_model);
  if (!options.bpe_model.empty() && bpe_model.empty())
    throw DataError(options.bpe_model, ": is empty; give the .model file that spm_train wrote");
  return MakeTokenizer(UnitTable(std::move(list)), units, bpe_model, source, options, encoding);
}

std::string ReadFittingWordPieces(const std::string &rxfilename,
                                  const std::vector<std::string> &units,
                                  const std::string &units_source) {
  if (units.empty()) throw UsageError("--bpe-model=", rxfilename, " needs --units=units.txt");
  std::string bytes = ReadWordPieceModel(rxfilename);
  CheckWordPieces(UnitTable(units), units_source, bytes, rxfilename);
  return bytes;
}

}  // namespace u2moe
