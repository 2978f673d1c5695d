#include "imaging/filters.h"

#include <itkConnectedComponentImageFilter.h>
#include <itkIdentityTransform.h>
#include <itkImportImageFilter.h>
#include <itkLinearInterpolateImageFunction.h>
#include <itkMultiThreaderBase.h>
#include <itkNearestNeighborInterpolateImageFunction.h>
#include <itkResampleImageFilter.h>
#include <itkSignedMaurerDistanceMapImageFilter.h>

#include <cmath>
#include <exception>

#include "base/ensure.h"
#include "imaging/threads.h"

namespace cloister::imaging {
namespace {

template <class T>
using Image = itk::Image<T, 3>;

itk::Size<3> itk_size(const Size3& size) { return {{size.x, size.y, size.z}}; }

// Borrows `values`: they must outlive the image, and no filter writes to its input.
template <class T>
typename Image<T>::Pointer borrow(const Grid& grid, const std::vector<T>& values) {
  ensure(values.size() == grid.size.voxels(), "as many values as the grid has voxels");
  auto importer = itk::ImportImageFilter<T, 3>::New();
  importer->SetRegion(itk::ImageRegion<3>(itk_size(grid.size)));
  importer->SetSpacing(itk::Vector<double, 3>(grid.spacing.data()));
  importer->SetOrigin(itk::Point<double, 3>(grid.origin.data()));
  importer->SetImportPointer(const_cast<T*>(values.data()), values.size(), false);
  importer->Update();
  typename Image<T>::Pointer image = importer->GetOutput();
  image->DisconnectPipeline();
  return image;
}

template <class T>
std::vector<T> copy_of(Image<T>& image) {
  const T* first = image.GetBufferPointer();
  return {first, first + image.GetBufferedRegion().GetNumberOfPixels()};
}

tl::unexpected<Error> filter_failed() {
  return fail(Kind::exhausted, "image.filter_failed",
              "An image filter failed, most likely for want of memory.",
              "Raise the worker's memory limit, or use smaller volumes.");
}

template <class Interpolator, class T>
Result<std::vector<T>> resample(const Grid& grid, const std::vector<T>& values, const Grid& onto,
                                T outside) {
  try {
    auto filter = itk::ResampleImageFilter<Image<T>, Image<T>>::New();
    filter->SetInput(borrow(grid, values));
    filter->SetInterpolator(Interpolator::New());
    filter->SetTransform(itk::IdentityTransform<double, 3>::New());
    filter->SetSize(itk_size(onto.size));
    filter->SetOutputSpacing(itk::Vector<double, 3>(onto.spacing.data()));
    filter->SetOutputOrigin(itk::Point<double, 3>(onto.origin.data()));
    filter->SetDefaultPixelValue(outside);
    filter->Update();
    return copy_of<T>(*filter->GetOutput());
  } catch (const std::exception&) {
    return filter_failed();
  }
}

}  // namespace

Result<std::vector<float>> resample_linear(const FloatGrid& from, const Grid& onto, float outside) {
  using Linear = itk::LinearInterpolateImageFunction<Image<float>, double>;
  return resample<Linear, float>(from.grid, from.values, onto, outside);
}

Result<std::vector<std::uint8_t>> resample_nearest(const ByteGrid& from, const Grid& onto,
                                                   std::uint8_t outside) {
  using Nearest = itk::NearestNeighborInterpolateImageFunction<Image<std::uint8_t>, double>;
  return resample<Nearest, std::uint8_t>(from.grid, from.values, onto, outside);
}

Result<std::vector<float>> distance_to_nonzero(const ByteGrid& grid) {
  try {
    auto filter = itk::SignedMaurerDistanceMapImageFilter<Image<std::uint8_t>, Image<float>>::New();
    filter->SetInput(borrow(grid.grid, grid.values));
    filter->SetBackgroundValue(0);
    filter->SquaredDistanceOff();
    filter->UseImageSpacingOn();
    filter->InsideIsPositiveOff();
    filter->Update();
    std::vector<float> distances = copy_of<float>(*filter->GetOutput());
    // Inside of thick objects ITK measures to their contour, with a minus sign.
    for (float& distance : distances) distance = std::max(distance, 0.0F);
    return distances;
  } catch (const std::exception&) {
    return filter_failed();
  }
}

Result<std::vector<std::uint32_t>> connected_components(const ByteGrid& grid) {
  try {
    auto filter =
        itk::ConnectedComponentImageFilter<Image<std::uint8_t>, Image<std::uint32_t>>::New();
    filter->SetInput(borrow(grid.grid, grid.values));
    filter->SetBackgroundValue(0);
    filter->FullyConnectedOn();
    filter->Update();
    return copy_of<std::uint32_t>(*filter->GetOutput());
  } catch (const std::exception&) {
    return filter_failed();
  }
}

void set_filter_threads(unsigned threads) {
  if (threads == 0) return;
  itk::MultiThreaderBase::SetGlobalMaximumNumberOfThreads(threads);
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(threads);
}

}  // namespace cloister::imaging
