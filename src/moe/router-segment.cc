#include "moe/router-segment.h"

#include <algorithm>
#include <utility>

#include "moe/mixture-stream.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "tensor/gemm.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

// All experts have a place, though one averaged expert works on a row.
RouterConfig OfAll(RouterConfig c) {
  c.num_choices = c.num_experts;
  return c;
}

RaggedShape ShapeOf(const RouteCall &call, int64_t rows) {
  if (call.shape != nullptr) return *call.shape;
  return rows > 0 ? RaggedShape::Single(rows) : RaggedShape();
}

// MixtureStream::state: the mean that the segment under way is routed by, and the sum of its rows
// so far.
enum StateRow : int64_t { kMean, kSum, kStateRows };

}  // namespace

SegmentRouter::SegmentRouter(const RouterTraits &traits, const RouterConfig &c)
    : Router(traits, OfAll(c)), segment_(c.segment), gate_(c.dim, c.num_experts, false) {
  CHECK(segment_ > 0);
}

int64_t SegmentRouter::First(const RouteCall &call, int b) const {
  return call.streams.empty() ? 0 : call.sequences[static_cast<size_t>(b)].first;
}

// For each sequence, the mean that its first segment here is routed by, and then the segments that
// it has rows of, so that segment s is routed by the mean in front of its own.
SegmentRouter::Means SegmentRouter::Plan(const RouteCall &call, const RaggedShape &shape) const {
  Means m;
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const int64_t begin = shape.Begin(b), length = shape.Length(b);
    if (length == 0) continue;
    const int64_t first = First(call, b), first_segment = first / segment_;
    const auto in_front = static_cast<int32_t>(m.factors.size());
    if (first == 0) {
      const int64_t seen = call.chunk > 0 ? std::min(call.chunk, segment_) : segment_;
      const int64_t count = std::min(seen, length);
      for (int64_t t = 0; t < count; ++t) {
        m.rows.push_back(static_cast<int32_t>(begin + t));
        m.of.push_back(in_front);
      }
      m.factors.push_back(1 / static_cast<float>(count));
    } else {
      m.factors.push_back(1);
    }
    m.learns.push_back(0);
    const int64_t last_segment = (first + length - 1) / segment_;
    for (int64_t s = first_segment; s <= last_segment; ++s) {
      const bool whole = (s + 1) * segment_ <= first + length;
      m.factors.push_back(whole ? 1 / static_cast<float>(segment_) : 1);
      m.learns.push_back(1);
    }
    for (int64_t t = 0; t < length; ++t) {
      const auto place = static_cast<int32_t>((first + t) / segment_ - first_segment);
      m.source.push_back(in_front + place);
      m.rows.push_back(static_cast<int32_t>(begin + t));
      m.of.push_back(in_front + 1 + place);
    }
  }
  return m;
}

namespace {

struct SegmentTape : RouterTape {
  Tensor means;  // [N, D]
  CachedVector<int32_t> source, rows, of;
  CachedVector<float> factors, learns;
};

}  // namespace

void SegmentRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                           std::unique_ptr<RouterTape> *tape) const {
  const RouteCall &call = input.call;
  const RaggedShape shape = ShapeOf(call, input.x.Rows());
  CHECK_EQ(shape.TotalRows(), input.x.Rows());
  Means m = Plan(call, shape);
  const auto num_means = static_cast<int64_t>(m.factors.size());
  Tensor means = Tensor::Zeros(ctx, num_means, input.x.Cols());
  // The places of each stream's means, by which those carried come in and go out.
  int64_t at = 0;
  const auto for_each_stream = [&](auto fn) {
    at = 0;
    for (int b = 0; b < static_cast<int>(call.streams.size()); ++b) {
      const int64_t first = First(call, b), end = first + shape.Length(b);
      if (shape.Length(b) == 0) continue;
      fn(call.streams[static_cast<size_t>(b)], first, end, at);
      at += 2 + (end - 1) / segment_ - first / segment_;
    }
  };
  for_each_stream([&](MixtureStream *stream, int64_t first, int64_t, int64_t place) {
    if (first == 0) return;
    CHECK_SHAPE(stream->state, kStateRows, input.x.Cols());
    CopyTo(ctx, stream->state, means.View().RowRange(place, kStateRows));
  });
  if (num_means > 0) {
    const ListOnDevice<int32_t> rows(ctx, m.rows), of(ctx, m.of), source(ctx, m.source);
    Tensor chosen(ctx, static_cast<int64_t>(m.rows.size()), input.x.Cols());
    GatherRows(ctx, input.x, rows, chosen);
    ScatterAddRows(ctx, chosen, of, {}, means);
    ScaleRows(ctx, ListOnDevice<float>(ctx, m.factors), means);
    Tensor of_means(ctx, num_means, logits.Cols());
    gate_.Forward(ctx, means, of_means);
    GatherRows(ctx, of_means, source, logits);
  }
  for_each_stream([&](MixtureStream *stream, int64_t first, int64_t end, int64_t place) {
    // The segment of the next row, and whether it has rows yet.
    const int64_t mean = place + end / segment_ - first / segment_;
    stream->next = Tensor::Zeros(ctx, kStateRows, input.x.Cols());
    CopyTo(ctx, means.View().RowRange(mean, 1), stream->next.View().RowRange(kMean, 1));
    if (end % segment_ == 0) return;
    CopyTo(ctx, means.View().RowRange(mean + 1, 1), stream->next.View().RowRange(kSum, 1));
  });
  if (tape == nullptr) return;
  auto own = std::make_unique<SegmentTape>();
  own->means = std::move(means);
  own->source = std::move(m.source);
  own->rows = std::move(m.rows);
  own->of = std::move(m.of);
  own->factors = std::move(m.factors);
  own->learns = std::move(m.learns);
  *tape = std::move(own);
}

void SegmentRouter::Group(const RouteInput &input, Routes *routes) const {
  routes->groups = Plan(input.call, ShapeOf(input.call, input.x.Rows())).source;
}

void SegmentRouter::LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape,
                                   ConstView dlogits, Router *grad, View dx,
                                   RoutingGradients *) const {
  const auto &t = dynamic_cast<const SegmentTape &>(*tape);
  const int64_t num_means = t.means.Rows();
  if (num_means == 0) return;
  Tensor dof_means = Tensor::Zeros(ctx, num_means, dlogits.Cols());
  ScatterAddRows(ctx, dlogits, ListOnDevice<int32_t>(ctx, t.source), {}, dof_means);
  ScaleRows(ctx, ListOnDevice<float>(ctx, t.learns), dof_means);
  Linear *gate = &dynamic_cast<SegmentRouter &>(*grad).gate_;
  Gemm(ctx, 1, dof_means, Trans::kYes, t.means, Trans::kNo, 1, *gate->MutableWeight());
  Tensor dmeans(ctx, num_means, x.Cols());
  Gemm(ctx, 1, dof_means, Trans::kNo, gate_.Weight(), Trans::kNo, 0, dmeans);
  ScaleRows(ctx, ListOnDevice<float>(ctx, t.factors), dmeans);
  Tensor drows(ctx, static_cast<int64_t>(t.rows.size()), x.Cols());
  GatherRows(ctx, dmeans, ListOnDevice<int32_t>(ctx, t.of), drows);
  ScatterAddRows(ctx, drows, ListOnDevice<int32_t>(ctx, t.rows), {}, dx);
}

SegmentRouter::Means SmearRouter::Plan(const RouteCall &call, const RaggedShape &shape) const {
  CHECK(call.chunk == 0 && call.streams.empty()) << "smear sees whole sequences";
  Means m;
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const int64_t length = shape.Length(b);
    if (length == 0) continue;
    const auto mean = static_cast<int32_t>(m.factors.size());
    for (int64_t t = 0; t < length; ++t) {
      m.source.push_back(mean);
      m.of.push_back(mean);
      m.rows.push_back(static_cast<int32_t>(shape.Begin(b) + t));
    }
    m.factors.push_back(1 / static_cast<float>(length));
    m.learns.push_back(1);
  }
  return m;
}

}  // namespace u2moe
