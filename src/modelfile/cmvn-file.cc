#include "modelfile/cmvn-file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "layer/param-visitor.h"
#include "table/kaldi-tables.h"
#include "util/io.h"
#include "util/json.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::json;

GlobalCmvn FromSums(const std::vector<double> &sum, const std::vector<double> &sum_squares,
                    double frames, const std::string &source) {
  if (!(frames >= 1))
    throw DataError(source, ": statistics of ", frames, " frames; give those of the training data");
  GlobalCmvn cmvn;
  for (size_t i = 0; i < sum.size(); ++i) {
    const double mean = sum[i] / frames;
    const double variance = std::max(sum_squares[i] / frames - mean * mean, 1e-20);
    if (!std::isfinite(mean) || !std::isfinite(variance)) {
      throw DataError(source, ": the statistics of dimension ", i, " are not finite");
    }
    cmvn.mean.push_back(mean);
    cmvn.istd.push_back(1 / std::sqrt(variance));
  }
  return cmvn;
}

GlobalCmvn FromMatrix(const DoubleMatrix &m, const std::string &source) {
  if (m.rows != 2 || m.cols < 2) {
    throw DataError(source, ": a ", m.rows, " x ", m.cols,
                    " matrix; CMVN statistics have 2 rows and D + 1 columns");
  }
  const auto dim = m.cols - 1;
  return FromSums({m.data.begin(), m.data.begin() + dim},
                  {m.data.begin() + m.cols, m.data.begin() + m.cols + dim},
                  m.data[static_cast<size_t>(dim)], source);
}

GlobalCmvn FromTable(const std::string &rspecifier) {
  DoubleMatrix sum;
  SequentialDoubleMatrixReader reader(rspecifier);
  for (; !reader.Done(); reader.Next()) {
    const DoubleMatrix &stats = reader.Value();
    if (sum.data.empty()) {
      sum = stats;
      continue;
    }
    if (stats.rows != sum.rows || stats.cols != sum.cols) {
      throw DataError(rspecifier, ": the statistics of ", reader.Key(), " are ", stats.rows, " x ",
                      stats.cols, ", those before ", sum.rows, " x ", sum.cols);
    }
    for (size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += stats.data[i];
  }
  reader.Close();
  return FromMatrix(sum, rspecifier);
}

}  // namespace

GlobalCmvn ReadGlobalCmvn(const std::string &name) {
  const std::string head = name.substr(0, name.find(':'));
  if (head.size() < name.size() && (StartsWith(head, "ark") || StartsWith(head, "scp")))
    return FromTable(name);
  Input input(name);
  input.SkipByteOrderMark();
  std::istream &is = input.Stream();
  if (is.peek() == '{') {
    const json object = ReadJsonStream(is, name);
    try {
      const auto sum = object.at("mean_stat").get<std::vector<double>>();
      const auto sum_squares = object.at("var_stat").get<std::vector<double>>();
      if (sum.size() != sum_squares.size())
        throw DataError(name, ": mean_stat and var_stat differ in length");
      return FromSums(sum, sum_squares, object.at("frame_num").get<double>(), name);
    } catch (const json::exception &e) {
      throw DataError(name, ": expected WeNet's mean_stat, var_stat and frame_num: ", e.what());
    }
  }
  DoubleMatrix matrix;
  try {
    DoubleMatrixHolder::Read(is, &matrix);
  } catch (const Error &e) {
    throw DataError(name, ": neither Kaldi's CMVN statistics nor WeNet's JSON: ", e.what());
  }
  input.Close();
  return FromMatrix(matrix, name);
}

void SetGlobalCmvn(const GlobalCmvn &cmvn, const std::string &source, AsrModel *model) {
  const int64_t dim = model->Config().encoder.feature_dim;
  for (const auto *values : {&cmvn.mean, &cmvn.istd}) {
    if (static_cast<int64_t>(values->size()) != dim) {
      throw DataError(source, ": CMVN of ", values->size(),
                      " dimensions, but the model's feature-dim is ", dim, " (input_dim in WeNet)");
    }
    for (double v : *values) {
      if (!std::isfinite(static_cast<float>(v)))
        throw DataError(source, ": a CMVN value is not finite: ", v);
    }
  }
  auto store = [&](const std::string &name, Tensor *tensor, const ParamInit &, bool) {
    const std::vector<double> *values = name == "encoder.global_cmvn.mean"   ? &cmvn.mean
                                        : name == "encoder.global_cmvn.istd" ? &cmvn.istd
                                                                             : nullptr;
    for (int64_t i = 0; values != nullptr && i < dim; ++i) {
      tensor->Data()[i] = static_cast<float>((*values)[static_cast<size_t>(i)]);
    }
  };
  ForEachParam(model, store);
}

bool GlobalCmvn::Normalises() const {
  const auto all = [](const std::vector<double> &values, double v) {
    return std::all_of(values.begin(), values.end(), [v](double x) { return x == v; });
  };
  return !all(mean, 0) || !all(istd, 1);
}

GlobalCmvn GlobalCmvnOf(AsrModel *model) {
  GlobalCmvn cmvn;
  ForEachParamOrPacked(
      model,
      [&](const ParamInfo &info, const Tensor *tensor) {
        std::vector<double> *values = info.name == "encoder.global_cmvn.mean"   ? &cmvn.mean
                                      : info.name == "encoder.global_cmvn.istd" ? &cmvn.istd
                                                                                : nullptr;
        if (values != nullptr) values->assign(tensor->Data(), tensor->Data() + tensor->Size());
      },
      [](const ParamInfo &, const Tensor *, const PackedMatrix *) {});
  return cmvn;
}

}  // namespace u2moe
