#include "pipeline/encode.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "pipeline/stream-scheduler.h"
#include "tensor/transfer.h"

namespace u2moe {

double FrameShiftSeconds(const ModelInfo &info) {
  const auto it = info.features.find("frame-shift");
  const double ms = it == info.features.end() ? 0 : std::strtod(it->second.c_str(), nullptr);
  return ms > 0 ? ms / 1000 : 0.01;
}

void CheckLength(const Encoder &encoder, int64_t num_frames) {
  if (encoder.OutLength(num_frames) > 0) return;
  throw DataError(num_frames, " feature frames are too few; the model needs at least ",
                  encoder.WindowLength(1));
}

namespace {

void CheckUtterance(const Encoder &encoder, ConstView feats) {
  CheckLength(encoder, feats.Rows());
  encoder.CheckFeatureDim(feats);
  CheckFinite("features", feats);
}

// As wholes, under a chunk mask. feats: of all sequences one after another; tags: of each.
Tensor EncodeMasked(const Context &ctx, const Encoder &encoder, ConstView feats,
                    const RaggedShape &shape, Span<int32_t> tags, const EncodeOptions &opts,
                    RaggedShape *out_shape) {
  ForwardMode mode;
  CachedVector<SequenceFacts> sequences(tags.size());
  for (size_t b = 0; b < tags.size(); ++b) sequences[b].tag = tags[b];
  mode.sequences = sequences;
  mode.mask = AttentionMask::Chunk(opts.chunk_size, opts.num_left_chunks);
  Tensor out;
  encoder.Forward(ctx, mode, MatrixOnDevice(ctx, feats), shape, &out, out_shape, nullptr, nullptr);
  return MoveToHost(std::move(out));
}

// Calls utterance.done with what fn() returns, or with the DataError that it throws.
template <class Fn>
void Deliver(const Utterance &utterance, Fn fn) {
  Tensor out;
  std::exception_ptr failure;
  try {
    out = fn();
    CheckComputed("encoder output", out, utterance.feats);
  } catch (const DataError &) {
    failure = std::current_exception();
    out = Tensor();
  }
  utterance.done(std::move(out), failure);
}

void EncodeAlone(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                 const Utterance &utterance) {
  Deliver(utterance, [&] {
    CheckUtterance(encoder, utterance.feats);
    RaggedShape shape;
    return EncodeMasked(ctx, encoder, utterance.feats, RaggedShape::Single(utterance.feats.Rows()),
                        Span<int32_t>(&utterance.tag, 1), opts, &shape);
  });
}

// An utterance on its way through the scheduler.
struct Live {
  Utterance utterance;
  int64_t fed = 0, done = 0;  // input frames in; encoder frames out
  Tensor out;
};

}  // namespace

Tensor CtcLogProbs(const Context &ctx, const AsrModel &model, ConstView encoder_out) {
  return MoveToHost(model.CtcLogProbs(ctx, MatrixOnDevice(ctx, encoder_out)));
}

float LargestMagnitude(ConstView x) {
  float largest = 0;
  for (int64_t i = 0; i < x.Rows(); ++i) {
    for (int64_t j = 0; j < x.Cols(); ++j) largest = std::max(largest, std::abs(x(i, j)));
  }
  return largest;
}

void CheckComputed(const std::string &what, ConstView out, float largest) {
  try {
    CheckFinite(what, out);
  } catch (const DataError &) {
    throw DataError(what, ": not finite, from features of up to ", largest,
                    "; look at these features, or at the model's weights if all utterances fail");
  }
}

void CheckComputed(const std::string &what, ConstView out, ConstView feats) {
  try {
    CheckFinite(what, out);
  } catch (const DataError &) {
    CheckComputed(what, out, LargestMagnitude(feats));
  }
}

void EncodeUtterances(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                      int streams, const std::function<bool(Utterance *)> &next) {
  if (!opts.streaming) {
    for (Utterance u; next(&u);) EncodeAlone(ctx, encoder, opts, u);
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
      const int64_t id = scheduler.Open(l.utterance.tag);
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

void EncodeBatch(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                 Span<Utterance> batch) {
  CHECK(!opts.streaming);
  RaggedShape shape, out_shape;
  CachedVector<int> place;  // in the ragged batch; -1: not in it
  CachedVector<int32_t> tags;
  int count = 0;
  for (const Utterance &u : batch) {
    bool good = true;
    try {
      CheckUtterance(encoder, u.feats);
    } catch (const DataError &) {
      good = false;
    }
    place.push_back(good ? count++ : -1);
    if (good) {
      shape.Append(u.feats.Rows());
      tags.push_back(u.tag);
    }
  }
  Tensor out;
  if (count > 1) {
    Tensor all(shape.TotalRows(), encoder.FeatureDim());
    for (size_t i = 0; i < batch.size(); ++i) {
      if (place[i] < 0) continue;
      const View rows = shape.Rows(all.View(), place[i]);
      for (int64_t t = 0; t < rows.Rows(); ++t)
        std::copy_n(batch[i].feats.Row(t), rows.Cols(), rows.Row(t));
    }
    try {
      out = EncodeMasked(ctx, encoder, all, shape, tags, opts, &out_shape);
    } catch (const DataError &) {  // of which one, each tells alone
    }
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    if (out.Empty() || place[i] < 0) {
      EncodeAlone(ctx, encoder, opts, batch[i]);
    } else {
      Deliver(batch[i],
              [&] { return Tensor::Copy(out_shape.Rows<const float>(out.View(), place[i])); });
    }
  }
}

Tensor EncodeUtterance(const Context &ctx, const Encoder &encoder, ConstView feats,
                       const EncodeOptions &opts, int32_t tag) {
  Tensor out;
  std::exception_ptr failure;
  bool given = false;
  const auto next = [&](Utterance *u) {
    u->feats = feats;
    u->tag = tag;
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
