#include <unordered_set>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "table/kaldi-tables.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies some of the utterances: the first ones, or those that a list has or has not.\n"
      "\n"
      "Usage: subset-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
      "  e.g. subset-feats --n=100 scp:feats.scp ark:first.ark\n"
      "       subset-feats --exclude=bad_utterances scp:feats.scp ark:good.ark\n");
  int32_t n = 10;
  std::string include, exclude;
  po.Register("n", &n, "how many utterances from the beginning; not with a list");
  po.RegisterInput("include", &include, "file whose lines begin with an utterance to copy");
  po.RegisterInput("exclude", &exclude, "file whose lines begin with an utterance to leave out");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  const bool by_list = !include.empty() || !exclude.empty();
  if (!include.empty() && !exclude.empty())
    throw UsageError("give --include or --exclude, not both");
  if (by_list && po.WasGiven("n")) throw UsageError("give --n or a list, not both");
  if (n < 1) throw UsageError("--n=", n, ": expected 1 or more");

  std::unordered_set<std::string> listed;
  if (by_list) {
    for (const TableLine &line : ReadTable(include.empty() ? exclude : include)) {
      listed.insert(line.key);
    }
  }
  SequentialMatrixReader reader(po.Arg(0));
  MatrixWriter writer(po.Arg(1));
  int64_t num_seen = 0;
  for (; !reader.Done() && (by_list || num_seen < n); reader.Next(), ++num_seen) {
    const bool is_listed = listed.count(reader.Key()) > 0;
    if (by_list && is_listed != !include.empty()) continue;
    tally.Try(reader, [&] { writer.Write(reader.Key(), reader.Value()); });
  }
  reader.Close();
  writer.Close();
  LOG_INFO << "Copied " << tally.NumDone() << " of " << num_seen << " utterances.";
  return tally.Finish(num_seen > 0 ? "chosen utterances" : "utterances");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
