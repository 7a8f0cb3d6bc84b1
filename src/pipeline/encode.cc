#include "pipeline/encode.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/error.h"
#include "pipeline/stream-scheduler.h"

namespace u2moe {

double FrameShiftSeconds(const ModelInfo &info) {
  const auto it = info.features.find("frame-shift");
  const double ms = it == info.features.end() ? 0 : std::strtod(it->second.c_str(), nullptr);
  return ms > 0 ? ms / 1000 : 0.01;
}

namespace {

void CheckUtterance(const Encoder &encoder, ConstView feats) {
  if (encoder.OutLength(feats.Rows()) == 0) {
    throw DataError(feats.Rows(), " feature frames are too few; the model needs at least ",
                    encoder.WindowLength(1));
  }
  encoder.CheckFeatureDim(feats);
  CheckFinite("features", feats);
}

// As a whole, under a chunk mask.
Tensor EncodeMasked(const Context &ctx, const Encoder &encoder, ConstView feats,
                    const EncodeOptions &opts) {
  CheckUtterance(encoder, feats);
  ForwardMode mode;
  mode.mask = AttentionMask::Chunk(opts.chunk_size, opts.num_left_chunks);
  Tensor out;
  RaggedShape shape;
  encoder.Forward(ctx, mode, feats, RaggedShape::Single(feats.Rows()), &out, &shape, nullptr,
                  nullptr);
  return out;
}

// An utterance on its way through the scheduler.
struct Live {
  Utterance utterance;
  int64_t fed = 0, done = 0;  // input frames in; encoder frames out
  Tensor out;
};

}  // namespace

void CheckComputed(const std::string &what, ConstView out, ConstView feats) {
  try {
    CheckFinite(what, out);
  } catch (const DataError &) {
    float largest = 0;
    for (int64_t t = 0; t < feats.Rows(); ++t) {
      for (int64_t d = 0; d < feats.Cols(); ++d) {
        largest = std::max(largest, std::abs(feats(t, d)));
      }
    }
    throw DataError(what, ": not finite, from features of up to ", largest,
                    "; look at these features, or at the model's weights if all utterances fail");
  }
}

void EncodeUtterances(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                      int streams, const std::function<bool(Utterance *)> &next) {
  if (!opts.streaming) {
    for (Utterance u; next(&u);) {
      Tensor out;
      std::exception_ptr failure;
      try {
        out = EncodeMasked(ctx, encoder, u.feats, opts);
        CheckComputed("encoder output", out, u.feats);
      } catch (const DataError &) {
        failure = std::current_exception();
      }
      u.done(std::move(out), failure);
    }
    return;
  }
  StreamScheduler scheduler(ctx, encoder, opts, streams);
  std::map<int64_t, Live, std::less<>, CachingAllocator<std::pair<const int64_t, Live>>> live;
  // Frames go in as the windows need them, so that they are not all held twice.
  const auto feed = [&](int64_t id, Live *l) {
    const int64_t length = l->utterance.feats.Rows();
    while (l->fed < length && !scheduler.Waiting(id)) {
      const int64_t n = std::min(scheduler.FramesToNextWindow(id), length - l->fed);
      scheduler.Accept(id, l->utterance.feats.RowRange(l->fed, n));
      l->fed += n;
      if (l->fed == length) scheduler.Finish(id);
    }
  };
  for (bool more = true; more || !live.empty();) {
    while (more && static_cast<int>(live.size()) < streams) {
      Live l;
      more = next(&l.utterance);
      if (!more) break;
      try {
        CheckUtterance(encoder, l.utterance.feats);
      } catch (const DataError &) {
        l.utterance.done(Tensor(), std::current_exception());
        continue;
      }
      const int64_t id = scheduler.Open();
      feed(id, &live.emplace(id, std::move(l)).first->second);
    }
    if (live.empty()) continue;
    const StreamBatch batch = scheduler.Step();
    for (size_t i = 0; i < batch.items.size(); ++i) {
      const StreamBatch::Item &item = batch.items[i];
      const auto it = live.find(item.id);
      Live &l = it->second;
      const ConstView rows = batch.Rows(i);
      if (l.out.Empty() && !rows.Empty()) {
        l.out = Tensor(encoder.OutLength(l.utterance.feats.Rows()), rows.Cols());
      }
      std::copy_n(rows.Data(), rows.Size(), l.out.Data() + l.done * l.out.Cols());
      l.done += rows.Rows();
      if (item.last) {
        std::exception_ptr failure = item.error;
        try {
          if (!failure) CheckComputed("encoder output", l.out, l.utterance.feats);
        } catch (const DataError &) {
          failure = std::current_exception();
        }
        l.utterance.done(failure ? Tensor() : std::move(l.out), failure);
        live.erase(it);
      } else {
        feed(item.id, &l);
      }
    }
  }
}

Tensor EncodeUtterance(const Context &ctx, const Encoder &encoder, ConstView feats,
                       const EncodeOptions &opts) {
  Tensor out;
  std::exception_ptr failure;
  bool given = false;
  const auto next = [&](Utterance *u) {
    u->feats = feats;
    u->done = [&](Tensor result, std::exception_ptr error) {
      out = std::move(result);
      failure = error;
    };
    return !std::exchange(given, true);
  };
  EncodeUtterances(ctx, encoder, opts, 1, std::cref(next));  // std::function would copy it
  if (failure) std::rethrow_exception(failure);
  return out;
}

}  // namespace u2moe
