#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "feat/feat-compare.h"
#include "table/kaldi-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

std::string ToString(const std::vector<double> &vector) {
  std::string text = " [ ";
  for (const double x : vector) text += Cat(x, " ");
  return text + "]";
}

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "How much alike two tables of features are, per dimension and on average: 1 if they are the "
      "same, less\nif not. The log on stderr has the numbers, the exit status is 1 below the "
      "threshold.\n\n"
      "Usage: compare-feats [options] <feats-rspecifier1> <feats-rspecifier2>\n"
      "  e.g. compare-feats --threshold=0.999 scp:feats.scp ark:copied.ark\n");
  float threshold = 0.99f;
  po.Register("threshold", &threshold, "average from which on they count as alike");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{2})) return 0;

  FeatureSimilarity similarity;
  SequentialMatrixReader first(po.Arg(0));
  RandomAccessMatrixReader second(po.Arg(1));
  for (; !first.Done(); first.Next()) {
    tally.Try(first, [&] { similarity.Add(first.Value(), second.Value(first.Key())); });
  }
  first.Close();
  const int status = tally.Finish();
  if (tally.NumDone() == 0) return 1;
  const double overall = similarity.Overall();
  const char *const meaning = " (1.0 means identical, the smaller the more different)";
  LOG_INFO << "self-product of 1st features for each column dimension: "
           << ToString(similarity.FirstProduct());
  LOG_INFO << "self-product of 2nd features for each column dimension: "
           << ToString(similarity.SecondProduct());
  LOG_INFO << "cross-product for each column dimension: " << ToString(similarity.CrossProduct());
  LOG_INFO << "Similarity metric for each dimension " << ToString(similarity.PerDimension())
           << meaning;
  LOG_INFO << "Overall similarity for the two feats is:" << overall << meaning;
  const bool alike = overall >= threshold;
  LOG_INFO << "Features are considered " << (alike ? "similar" : "dissimilar") << " since "
           << overall << (alike ? " >= " : " < ") << threshold;
  return alike ? status : 1;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
